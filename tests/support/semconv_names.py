"""Names of OpenTelemetry's semantic conventions, v1.41.1, that a span of ours could bear, with the types that they have there.

From `model/{gen-ai,error,server,session}` of open-telemetry/semantic-conventions at that tag, without what is deprecated. "any" may be a
string of JSON.
"""

from __future__ import annotations

_BY_TYPE = {
    "string": """
        error.type server.address session.id session.previous_id gen_ai.agent.description gen_ai.agent.id gen_ai.agent.name
        gen_ai.agent.version gen_ai.conversation.id gen_ai.data_source.id gen_ai.evaluation.explanation gen_ai.evaluation.name
        gen_ai.evaluation.score.label gen_ai.operation.name gen_ai.output.type gen_ai.prompt.name gen_ai.provider.name gen_ai.request.model
        gen_ai.response.id gen_ai.response.model gen_ai.retrieval.query.text gen_ai.token.type gen_ai.tool.call.id gen_ai.tool.description
        gen_ai.tool.name gen_ai.tool.type gen_ai.workflow.name
    """,
    "any": """
        gen_ai.input.messages gen_ai.output.messages gen_ai.retrieval.documents gen_ai.system_instructions gen_ai.tool.call.arguments
        gen_ai.tool.call.result gen_ai.tool.definitions
    """,
    "int": """
        server.port gen_ai.embeddings.dimension.count gen_ai.request.choice.count gen_ai.request.max_tokens gen_ai.request.seed
        gen_ai.usage.cache_creation.input_tokens gen_ai.usage.cache_read.input_tokens gen_ai.usage.input_tokens gen_ai.usage.output_tokens
        gen_ai.usage.reasoning.output_tokens
    """,
    "double": """
        gen_ai.evaluation.score.value gen_ai.request.frequency_penalty gen_ai.request.presence_penalty gen_ai.request.temperature
        gen_ai.request.top_k gen_ai.request.top_p gen_ai.response.time_to_first_chunk
    """,
    "boolean": "gen_ai.request.stream",
    "string[]": "gen_ai.request.encoding_formats gen_ai.request.stop_sequences gen_ai.response.finish_reasons",
}
ATTRIBUTES = {name: type_ for type_, names in _BY_TYPE.items() for name in names.split()}
PYTHON_TYPES = {"string": str, "any": str, "int": int, "double": float, "boolean": bool, "string[]": list}

OPERATIONS = frozenset((
    "chat", "create_agent", "embeddings", "execute_tool", "generate_content", "invoke_agent", "invoke_workflow", "retrieval",
    "text_completion",
))  # fmt: skip
PROVIDERS = frozenset((
    "anthropic", "aws.bedrock", "azure.ai.inference", "azure.ai.openai", "cohere", "deepseek", "gcp.gemini", "gcp.gen_ai", "gcp.vertex_ai",
    "groq", "ibm.watsonx.ai", "mistral_ai", "openai", "perplexity", "x_ai",
))  # fmt: skip
METRICS = {
    "gen_ai.client.token.usage": "{token}",
    "gen_ai.client.operation.duration": "s",
    "gen_ai.client.operation.time_to_first_chunk": "s",
    "gen_ai.client.operation.time_per_output_chunk": "s",
}
"""Those of a client, and their units."""
