"""Credentials that nobody was ever given, in the forms that providers document: what masking is measured against.

A form is what the documentation says: a prefix and how many characters of which alphabet follow. `{word:20}` is 20 random characters.
"""

from __future__ import annotations

import random
import re
import string

_ALPHABETS = {
    "word": string.ascii_letters + string.digits,
    "url": string.ascii_letters + string.digits + "_-",
    "base64": string.ascii_letters + string.digits + "+/",
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "hex": string.digits + "abcdef",
    "digit": string.digits,
}
_UUID = "{hex:8}-{hex:4}-4{hex:3}-a{hex:3}-{hex:12}"

FORMS = {
    # models
    "openai": "sk-{word:48}",
    "openai project": "sk-proj-{url:74}T3BlbkFJ{url:74}",
    "openai service account": "sk-svcacct-{url:58}T3BlbkFJ{url:58}",
    "openai admin": "sk-admin-{url:58}T3BlbkFJ{url:58}",
    "anthropic": "sk-ant-api03-{url:93}AA",
    "anthropic oauth": "sk-ant-oat01-{url:93}AA",
    "openrouter": "sk-or-v1-{hex:64}",
    "deepseek": "sk-{hex:32}",
    "langfuse": f"sk-lf-{_UUID}",
    "hugging face": "hf_{word:34}",
    "groq": "gsk_{word:52}",
    "xai": "xai-{word:80}",
    "nvidia": "nvapi-{url:64}",
    "replicate": "r8_{word:37}",
    "perplexity": "pplx-{word:48}",
    "cerebras": "csk-{lower:48}",
    "fireworks": "fw_{word:24}",
    "together": "tgp_v1_{url:43}",
    "pinecone": "pcsk_{word:6}_{word:63}",
    "tavily": "tvly-dev-{word:32}",
    "langsmith": "lsv2_pt_{hex:32}_{hex:10}",
    "databricks": "dapi{hex:32}-2",
    # clouds
    "google": "AIza{url:35}",
    "google access token": "ya29.a0{url:120}",
    "google client secret": "GOCSPX-{url:28}",
    "aws": "AKIA{base32:16}",
    "aws temporary": "ASIA{base32:16}",
    "aws bedrock": "ABSKQmVkcm9ja0FQSUtleS{base64:100}",
    "azure storage": "AccountKey={base64:86}==",
    "azure signature": "SharedAccessSignature sr=x&sig={base64:43}%3D&se=1",
    "azure client secret": "{url:3}8Q~{url:34}",
    "digitalocean": "dop_v1_{hex:64}",
    "heroku": "HRKU-AA{url:58}",
    "vault": "hvs.{url:95}",
    "terraform": "{word:14}.atlasv1.{url:67}",
    "doppler": "dp.pt.{word:43}",
    "supabase": "sbp_{hex:40}",
    "planetscale": "pscale_tkn_{url:43}",
    "cloudflare origin": "v1.0-{hex:24}-{hex:146}",
    # code
    "github": "ghp_{word:36}",
    "github fine-grained": "github_pat_{word:22}_{word:59}",
    "github app": "ghs_{word:36}",
    "gitlab": "glpat-{word:20}",
    "gitlab runner": "glrt-{url:20}",
    "npm": "npm_{word:36}",
    "pypi": "pypi-AgEIcHlwaS5vcmc{url:150}",
    "docker hub": "dckr_pat_{url:27}",
    "postman": "PMAK-{hex:24}-{hex:34}",
    "atlassian": "ATATT3xFfGF0{url:172}={upper:8}",
    "linear": "lin_api_{word:40}",
    "notion": "ntn_{digit:11}{word:35}",
    "figma": "figd_{url:40}",
    "sentry": "sntrys_eyJpYXQiOjE3{word:100}_{base64:43}",
    "grafana": "glsa_{word:32}_{hex:8}",
    "new relic": "NRAK-{upper:27}",
    # messages and money
    "slack bot": "xoxb-{digit:12}-{digit:13}-{word:24}",
    "slack user": "xoxp-{digit:12}-{digit:12}-{digit:13}-{hex:32}",
    "slack app": "xapp-1-A{upper:10}-{digit:13}-{hex:64}",
    "slack webhook": "https://hooks.slack.com/services/T{upper:10}/B{upper:10}/{word:24}",
    "discord bot": "M{word:25}.{url:6}.{url:38}",
    "discord webhook": "https://discord.com/api/webhooks/{digit:18}/{url:68}",
    "telegram": "{digit:10}:AA{url:33}",
    "twilio": "SK{hex:32}",
    "sendgrid": "SG.{url:22}.{url:43}",
    "mailgun": "key-{hex:32}",
    "mailchimp": "{hex:32}-us12",
    "stripe": "sk_live_{word:24}",
    "stripe restricted": "rk_live_{word:24}",
    "stripe webhook": "whsec_{word:32}",
    "square": "sq0csp-{url:43}",
    "shopify": "shpat_{hex:32}",
    "airtable": "pat{word:14}.{hex:64}",
    # of no provider
    "json web token": "eyJ{url:40}.eyJ{url:80}.{url:43}",
    "private key": "-----BEGIN PRIVATE KEY-----\n{base64:64}\n{base64:64}\n{base64:40}==\n-----END PRIVATE KEY-----",
    "age": "AGE-SECRET-KEY-1{base32:58}",
    "bearer": "Authorization: Bearer {word:32}",
    "basic": "Authorization: Basic {base64:26}==",
    "address": "postgres://admin:{word:20}@db.internal:5432/x",
    "token in an address": "https://{word:40}@github.com/a/b.git",
    "cookie": "Set-Cookie: session={word:32}; Path=/",
}
"""By name; the texts that stand around a secret are part of a form that is known only by them."""

NAMED = (
    "pwd={}", "passphrase={}", 'SECRET_KEY="{}"', "--pass {}", "--password {}", "curl -u admin:{} https://x", "mysql -uroot -p{} db",
    "<password>{}</password>", "password\n=\n{}", "DD_API_KEY={}", "aws_secret_access_key = {}", "?sig={}&x=1", "?code={}", "&key={}",
    "X-Amz-Signature={}", "X-Amz-Security-Token={}", "?token={}", "Cookie: id={}", "secretKey: {}", "passcode={}", "HF_TOKEN={}",
    '"pwd": "{}"', '{{\\"passphrase\\": \\"{}\\"}}', "Ocp-Apim-Subscription-Key: {}", "credentials={}", "PGPASSWORD={}",
    "client-secret: {}", "['--api-key', '{}']", '["--token", "{}"]',
)  # fmt: skip
"""Texts in which only what stands beside a secret tells that it is one."""

_PART = re.compile(r"\{(\w+):(\d+)\}")


def token(form: str, seed: int = 0) -> str:
    """A fake of a form, by its name in `FORMS`; the same for the same seed."""
    draw = random.Random(f"{form}|{seed}")
    return _PART.sub(lambda part: "".join(draw.choices(_ALPHABETS[part[1]], k=int(part[2]))), FORMS[form])


def secrets_of(text: str) -> list[str]:
    """The parts of a fake that must not be read anywhere: its words of 16 and more characters, with a digit."""
    return [part for part in re.split(r"[^A-Za-z0-9+/_~\-]+", text) if len(part) >= 16 and re.search(r"\d", part)]


def opaque(number: int, length: int = 24) -> str:
    """A value that looks like nothing in particular."""
    draw = random.Random(number)
    return "q" + "".join(draw.choices(string.ascii_letters + string.digits, k=length - 1))
