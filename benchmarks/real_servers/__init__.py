"""The product against model servers that others wrote: llama.cpp, vLLM and LiteLLM's proxy, on this machine's CPU."""
