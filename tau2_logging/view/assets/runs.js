// The list of runs and the page of one. What comes from a log becomes text nodes alone; links are made of fixed paths.
const EVERY_MS = 2000;
const LISTED = { runs: [], folder: "", read: 1, unnamed: 0 };
const chosen = [];
const state = { words: "", route: null, asked: 0, told: "" };

async function ask(path, parameters = {}) {
  const answer = await fetch(`${path}?${new URLSearchParams(parameters)}`, { headers: { Accept: "application/json" } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text || answer.statusText);
  return JSON.parse(text);
}

function pageLink(path, parameters, words, hash = "") {
  const link = make("a", { target: "_blank", rel: "noopener" }, words);
  link.setAttribute("href", `${path}?${new URLSearchParams(parameters)}${hash}`);
  return link;
}

function statusBadge(status) { return make("span", { class: `badge ${status === "broken off" ? "off" : status}` }, status); }

function meter(share, words) {
  const full = Math.max(0, Math.min(1, share)), bar = make("span");
  bar.style.width = `${100 * full}%`;
  return make("div", { class: share >= 0.9 && words === "budget" ? "meter most" : "meter", role: "meter", "aria-label": words, "aria-valuenow": Math.round(100 * full), "aria-valuemin": 0, "aria-valuemax": 100 }, bar);
}

function runLink(run) { return make("a", { href: `#/run/${encodeURIComponent(run)}`, "data-key": `run ${run}` }, run); }
function progress(row) { return `${show.int(row.done)} of ${row.planned === null ? "unknown" : show.int(row.planned)}`; }
function costs(row) { return row.budget === null ? row.cost : `${row.cost} of ${row.budget}`; }

// The list.
function choice(row) {
  return make("input", {
    type: "checkbox", "aria-label": `choose ${row.run} to compare`, "data-key": `choose ${row.run}`, checked: chosen.includes(row.run), disabled: row.logs === 0,
    onchange: (event) => {
      const at = chosen.indexOf(row.run);
      if (at >= 0) chosen.splice(at, 1);
      if (event.target.checked) chosen.push(row.run);
      if (chosen.length > 2) chosen.shift();
      redraw();
    },
  });
}

function listRow(row) {
  const cell = (label, className, ...content) => make("td", { class: className, "data-label": label }, content);
  const more = (text) => text && make("div", { class: "more" }, text);
  return make("tr", {},
    make("td", {}, choice(row)), make("td", { class: "name" }, runLink(row.run), more(row.started)),
    make("td", {}, statusBadge(row.status), more(row.why)),
    cell("domains", "", row.domains || DASH),
    cell("agent", "", row.agent, more(row.agent_llm)),
    cell("user", "", row.user_llm),
    cell("simulations", "number", progress(row), row.planned ? meter(row.done / row.planned, "simulations") : null),
    cell("mean reward", "", row.reward),
    cell("cost", "number", costs(row), row.budget_share !== null ? meter(row.budget_share, "budget") : null),
    cell("time", "number", row.time));
}

const HEADS = ["", "Run", "", "Domains", "Agent", "User's model", "Simulations", "Mean reward", "Cost", "Time"];

function fits(row) {
  const text = [row.run, row.status, row.domains, row.agent, row.agent_llm, row.user_llm].join(" ").toLowerCase();
  return state.words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function listBody() {
  const rows = LISTED.runs.filter(fits);
  const pair = { run: chosen[1], other: chosen[0] };
  const compared = chosen.length === 2 ? [pageLink("/compare", pair, `Compare ${chosen[1]} with ${chosen[0]}`, "#/compare"), " ", pageLink("/verdict", pair, "Is it better?")]
    : make("span", { class: "hint" }, "Choose two runs to compare them.");
  const none = LISTED.runs.length ? "No run fits the filter." : "No run in this folder yet. Start one with run_local.py; it will appear here.";
  return [
    make("div", { class: "actions" }, compared),
    rows.length ? make("div", { class: "scroll" }, make("table", { class: "runs" }, make("thead", {}, make("tr", {}, HEADS.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, rows.map(listRow))))
      : make("p", { class: "hint" }, none),
  ];
}

const body = make("div");
function listPage() {
  const search = make("input", { type: "search", placeholder: "filter: words", "aria-label": "filter the runs", value: state.words,
    oninput: () => { state.words = search.value; redraw(); } });
  return [make("h1", {}, "Runs"), make("p", { class: "sub", id: "folder" }), make("div", { id: "trouble" }), make("div", { class: "card" }, make("div", { class: "bar" }, search), body)];
}

// The page of a run.
const parts = { head: make("div"), flight: make("div"), findings: make("div"), settings: make("div"), failures: make("div"), other: make("select", { "aria-label": "run to compare with" }), compare: make("span") };
function runPage() {
  for (const part of [parts.head, parts.flight, parts.findings, parts.settings]) part.replaceChildren();
  parts.findings.append(make("p", { class: "hint" }, "Looking for findings ..."));
  parts.failures.replaceChildren(make("button", { type: "button", onclick: () => lookForFailures(state.run) }, "Show failed simulations"));
  parts.other.replaceChildren();
  parts.other.onchange = drawCompare;
  return [make("p", {}, make("a", { href: "#/" }, "\u2190 All runs")), make("h1", {}, state.run), make("div", { id: "trouble" }), parts.head,
    make("div", { class: "actions" }, pageLink("/report", { run: state.run }, "Open the report"), parts.other, parts.compare),
    parts.flight, card("Findings", parts.findings), card("Whose fault?", parts.failures), card("Settings", parts.settings)];
}

function drawCompare() {
  const other = parts.other.value;
  parts.compare.replaceChildren(...(other ? [pageLink("/compare", { run: state.run, other }, "Compare", "#/compare"), " ", pageLink("/verdict", { run: state.run, other }, "Is it better?")] : []));
}

function drawOthers() {
  const names = LISTED.runs.filter((row) => row.run !== state.run && row.logs).map((row) => row.run);
  const known = [...parts.other.options].map((option) => option.value).filter(Boolean);
  if (parts.other.options.length > 0 && names.join("\n") === known.join("\n")) return;
  const before = parts.other.value;
  parts.other.replaceChildren(make("option", { value: "" }, names.length ? "compare with ..." : "no other run to compare with"), ...names.map((name) => make("option", { value: name }, name)));
  parts.other.value = names.includes(before) ? before : "";
  drawCompare();
}

function tile(what, value, more, ...rest) {
  const long = typeof value === "string" && value.length > 18;
  return make("div", { class: "tile" }, make("div", { class: "what" }, what), make("div", { class: long ? "value long" : "value" }, value), more && make("div", { class: "more" }, more), rest);
}

function drawRun(run) {
  const budget = run.budget === null ? "no budget was set" : `of ${run.budget}`;
  const unpriced = run.unpriced ? `; price unknown: ${show.int(run.unpriced)} calls or simulations` : "";
  parts.head.replaceChildren(make("p", { class: "sub" }, [run.domains, `${run.agent} with ${run.agent_llm}`, `user ${run.user_llm}`].join(" \u00b7 ")),
    make("div", { class: "tiles" },
      tile("Status", statusBadge(run.status), run.why),
      tile("Simulations ended", progress(run), run.in_flight ? `${show.int(run.in_flight)} in flight` : "", run.planned ? meter(run.done / run.planned, "simulations") : null),
      ...(run.scores.length ? run.scores : [{ name: "", headline: "nothing has ended yet", solved: 0 }]).map((one) => tile(one.name ? `Mean reward, ${one.name}` : "Mean reward", one.headline, `${show.int(one.solved)} solved`)),
      tile("Cost", run.cost, budget + unpriced, run.budget_share !== null ? meter(run.budget_share, "budget") : null),
      tile("Time", run.time, `started ${run.started}`),
      tile("Model calls seen", show.int(run.model_calls), `${show.int(run.failed_calls)} failed`)));
  parts.flight.replaceChildren(...flightCard(run));
  parts.settings.replaceChildren(make("dl", { class: "facts" }, run.settings.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
}

function flightCard(run) {
  if (!run.flight.length) return [];
  const going = run.status === "running";
  const title = going ? `In flight: ${run.in_flight}, the slowest first` : `Never ended: ${run.flight.length}`;
  const heads = going ? ["Simulation", "For", "Waits on", "Since", "Step", "Cost"] : ["Simulation", "Waited on", "Step", "Cost"];
  const cells = (one) => (going ? [one.name, one.for, one.waiting_on, one.since, one.step, one.cost] : [one.name, one.waiting_on, one.step, one.cost]);
  const rows = run.flight.map((one) => make("tr", {}, cells(one).map((value, at) => make("td", { "data-label": heads[at] }, value === null ? DASH : String(value)))));
  return [card(title, make("div", { class: "scroll" }, make("table", { class: "runs" }, make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, rows))))];
}

function drawFindings(found) {
  const items = found.findings.map((one) => make("li", {}, make("p", { class: "said-first" }, one.sentence), make("p", {}, one.advice), one.saves && make("p", { class: "hint" }, one.saves)));
  parts.findings.replaceChildren(make("p", { class: "hint" }, `As of ${found.at}.`), items.length ? make("ol", { class: "findings" }, items) : make("p", {}, "Nothing stands out."));
}

// Failed simulations, what the rules say of them, and labels.
function failureRow(run, one, faults) {
  const options = [make("option", { value: "" }, "\u2013"), ...Object.entries(faults).map(([fault, words]) => make("option", { value: fault }, words))];
  const name = `${one.domain} ${one.task}, trial ${one.trial}`;
  const fault = make("select", { "aria-label": `whose fault: ${name}` }, options);
  fault.value = one.label || "";
  const note = make("input", { type: "text", maxlength: 500, placeholder: "a few words", "aria-label": `note: ${name}`, value: one.note });
  const save = make("button", { type: "button", onclick: () => fault.value && saveLabel(run, { domain: one.domain, task: one.task, trial: one.trial, fault: fault.value, note: note.value }) }, "Save");
  const cell = (label, ...content) => make("td", { "data-label": label }, content);
  const told = one.label && one.label !== one.fault ? "not what you say" : "";
  return make("tr", {}, make("td", {}, name), cell("the rules say", faults[one.fault] || one.fault, make("div", { class: "more" }, one.sentence || "no rule applies"), told && make("div", { class: "more" }, told)),
    cell("you say", fault), cell("note", note), make("td", {}, save));
}

function drawFailures(run, found) {
  if (state.run !== run) return;
  const { labels, agree, kappa } = found.agreement;
  const agreed = labels ? `The rules agree with ${show.int(agree)} of ${show.int(labels)} labels${kappa === null ? "" : ` (kappa ${kappa.toFixed(2)})`}.` : "No label yet. Open the report to read a conversation, then say whose fault it was.";
  const heads = ["Simulation", "The rules say", "You say", "Note", ""];
  const rows = found.failures.map((one) => failureRow(run, one, found.faults));
  const table = make("table", { class: "runs" }, make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, rows));
  parts.failures.replaceChildren(...(rows.length ? [make("p", { class: "hint", role: "status" }, agreed), make("div", { class: "scroll" }, table)] : [make("p", {}, "No simulation has failed.")]));
}

async function lookForFailures(run) {
  try { drawFailures(run, await ask("/api/failures", { run })); } catch (error) { say(error.message); }
}

async function saveLabel(run, label) {
  try {
    const answer = await fetch(`/api/label?${new URLSearchParams({ run })}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(label) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text || answer.statusText);
    drawFailures(run, JSON.parse(text));
  } catch (error) { say(error.message); }
}

// Asking and drawing.
function redraw() {
  const key = document.activeElement && document.activeElement.dataset.key;
  body.replaceChildren(...listBody());
  if (key) for (const one of body.querySelectorAll("[data-key]")) if (one.dataset.key === key) one.focus({ preventScroll: true });
}

function say(trouble) {
  const place = document.getElementById("trouble");
  if (place && state.told !== trouble) place.replaceChildren(...(trouble ? [make("p", { class: "note bad", role: "alert" }, trouble)] : []));
  state.told = trouble;
}

async function look() {
  const mine = ++state.asked, route = state.route;
  try {
    Object.assign(LISTED, await ask("/api/runs"));
    const run = route === "run" ? await ask("/api/run", { run: state.run }) : null;
    if (mine !== state.asked) return;
    say("");
    if (run) { drawRun(run); drawOthers(); } else drawList();
    if (run && run.logs) await lookForFindings(mine);
  } catch (error) {
    if (mine === state.asked) say(error instanceof TypeError ? `The viewer does not answer (it was ended, or the machine is away). What is shown is of ${new Date().toLocaleTimeString()} or before.` : error.message);
  }
}

async function lookForFindings(mine) {
  try {
    const found = await ask("/api/findings", { run: state.run });
    if (mine === state.asked) drawFindings(found);
  } catch (error) {
    if (error instanceof TypeError) throw error;
    if (mine === state.asked) parts.findings.replaceChildren(make("p", { class: "hint" }, error.message));
  }
}

function drawList() {
  const going = LISTED.read < 0.999 ? ` \u00b7 reading the logs: ${Math.floor(100 * LISTED.read)} %` : "";
  const unnamed = LISTED.unnamed ? ` \u00b7 ${show.int(LISTED.unnamed)} lines name no run or cannot be read, and are not shown here` : "";
  document.getElementById("folder").textContent = `${LISTED.folder} \u00b7 ${show.int(LISTED.runs.length)} runs${going}${unnamed}`;
  redraw();
}

function start() {
  const main = make("main");
  const open = () => {
    const [name, run] = location.hash.replace(/^#\/?/, "").split("/");
    state.route = name === "run" && run ? "run" : "list";
    state.told = "";
    try { state.run = run ? decodeURIComponent(run) : null; } catch (error) { state.run = run; }
    document.title = state.route === "run" ? `${state.run} \u00b7 Runs` : "Runs";
    main.replaceChildren(...(state.route === "run" ? runPage() : listPage()));
    scrollTo(0, 0);
    look();
  };
  const toggle = startTheme(() => {});
  document.getElementById("app").append(make("header", { class: "top" }, make("div", { class: "inner" }, make("span", { class: "name" }, make("a", { href: "#/" }, "tau2-logging")), make("nav"),
    make("button", { type: "button", id: "theme", "aria-label": "light or dark", onclick: toggle }, "\u25D1"))), main);
  addEventListener("hashchange", open);
  open();
  let busy = false;
  setInterval(async () => {
    if (busy || document.hidden) return;
    busy = true;
    try { await look(); } finally { busy = false; }
  }, EVERY_MS);
}

start();
