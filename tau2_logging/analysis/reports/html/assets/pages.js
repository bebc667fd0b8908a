// The pages, by hash: #/ , #/tasks, #/task/..., and one for each group of tables.
function overviewPage() {
  return [
    make("h1", {}, DATA.title), make("p", { class: "sub" }, DATA.subtitle), findings(), notes(),
    make("div", { class: "tiles" }, DATA.tiles.map(([what, value, more]) => tile(what, value, more))),
    DATA.budgets.length > 1 && (DATA.pages.overview || []).map(embedded),
    ...DATA.budgets.filter(({ total }) => total > 0).map(({ name, parts, total }) => card(`Where the time went: ${name}`, shares(parts, total), make("p", { class: "hint" },
      "Exclusive time: at every moment of a simulation exactly one kind runs. Simulations that ran at the same time are added."))),
    SIMS.n > 0 && card("In flight: calls by role (areas) and simulations (line)", flowChart()),
    SIMS.n > 0 && runTimeline(),
    SIMS.n === 0 && (DATA.pages.outcomes || []).slice(0, 4).map(embedded),
    DATA.budgets.length < 2 && (DATA.pages.overview || []).map(embedded),
  ];
}

// What the run says in sentences, each with a link to the table that shows it and to simulations.
function findings() {
  return DATA.findings.length > 0 && card("Findings", make("ol", { class: "findings" }, DATA.findings.map((one) => make("li", {},
    make("p", { class: "said-first" }, one.sentence), make("p", {}, one.advice, one.saves && make("span", { class: "hint" }, ` (${one.saves})`)),
    make("p", { class: "hint" }, "Proof: ", proofs(one))))));
}

function proofs(one) {
  const hasPage = Object.hasOwn(DATA.names, one.page) || (TIMED && ["tasks", "latency"].includes(one.page));
  const links = hasPage ? [make("a", { href: `#/${one.page}/${encodeURIComponent(one.table)}` }, one.table)] : [];
  for (const [name, index] of one.simulations) links.push(index !== null && index < SIMS.n ? make("a", { href: simulationLink(index) }, name) : name);
  return [...links, ...one.lines].flatMap((part, n) => (n ? [" \u00b7 ", part] : [part]));
}

function notes() { return DATA.notes.map(([words, bad]) => make("p", { class: bad ? "note bad" : "note" }, words)); }

function tile(what, value, more) {
  return make("div", { class: "tile" }, make("div", { class: "what" }, what), make("div", { class: String(value).length > 14 ? "value long" : "value" }, value), more && make("div", { class: "more" }, more));
}

function tasksPage() {
  const columns = [
    { name: "task", label: "task", link: true }, { name: "outcome", label: "outcome", render: outcomeBadge }, ...[["cause", "likely cause"], ["fault", "whose fault"]].map(([name, label]) => ({ name, label, render: (value, row) => (value === null ? DASH : make("a", { href: `${simulationLink(row.index)}/${name}` }, value)) })), ...(SEVERAL_DOMAINS ? [{ name: "domain", label: "domain" }] : []),
    { name: "trial", label: "trial", kind: "int" }, { name: "attempt", label: "attempt", kind: "int", title: "a simulation that was killed or failed and run again has several" },
    { name: "status", label: "status", render: badge }, { name: "reward", label: "reward", kind: "number" }, { name: "termination", label: "ended by" },
    { name: "duration_ms", label: "duration", kind: "ms" }, { name: "start_ms", label: "started at", kind: "ms" },
    ...KINDS.filter(([field]) => (SIMS[field] || []).some(Boolean)).map(([field, role]) => ({ name: field, label: DATA.roles[role], kind: "ms", title: `${field}: exclusive time` })),
    ...[["steps", "steps"], ["llm_calls", "agent calls"], ["tool_calls", "tool calls"], ["tool_errors", "tool errors"], ["retries", "retries"]].filter(([field]) => SIMS[field])
      .map(([field, label]) => ({ name: field, label, kind: "int" })),
    ...[["input_tokens", "tokens in"], ["output_tokens", "tokens out"]].filter(([field]) => SIMS[field]).map(([field, label]) => ({ name: field, label, kind: "count" })),
    { name: "cost_usd", label: "cost", kind: "usd" }, { name: "error_type", label: "error" },
  ];
  const rows = Array.from({ length: SIMS.n }, (_, index) => {
    const sim = simulation(index);
    const special = { outcome: sim.counted ? outcomeOf(sim.reward) : "did not count", cause: causeOf(index), fault: faultOf(index), duration_ms: sim.duration, start_ms: sim.start, cost_usd: sim.cost, error_type: sim.errorType };
    const row = columns.map(({ name, kind }) => (name in special ? special[name] : name in sim ? sim[name] : kind === "ms" ? ms(SIMS, name, index) : at(SIMS, name, index)));
    row.index = index;
    return row;
  });
  const rank = (row) => (OUTCOMES.indexOf(row[1]) + OUTCOMES.length + 1) % (OUTCOMES.length + 1);  // attempts that did not count come last
  rows.sort((a, b) => rank(a) - rank(b) || a.index - b.index);
  const usual = { trial: 0, attempt: 1 };
  const kept = columns.map(({ name }, n) => n < 1 || rows.some((row) => row[n] !== null && row[n] !== undefined && row[n] !== usual[name]));
  const used = rows.map((row) => Object.assign(row.filter((_, n) => kept[n]), { index: row.index }));
  return [make("h1", {}, "Simulations"), notes(), card(null, table({ columns: columns.filter((_, n) => kept[n]), rows: used, link: (row) => simulationLink(row.index), always: true,
    note: "Not solved first. Click a heading to sort, a task to open it, a likely cause to open it at the turn that shows it. Filters: outcome:not status:error  reward<1  duration>60000 (times are in ms)." }))];
}

function taskPage(parts) {
  const index = findSimulation(parts);
  if (index === null) return [make("h1", {}, "No such simulation"), make("p", {}, "This report holds no simulation of that name. ", make("a", { href: "#/tasks" }, "All simulations"))];
  const sim = simulation(index), excl = KINDS.map(([field, role]) => [role, ms(SIMS, field, index)]);
  const known = excl.some(([role, value]) => value !== null && role !== "retry");
  return [
    neighbors(index),
    make("h1", {}, SEVERAL_DOMAINS || sim.domain === null ? "" : `${sim.domain} `, simulationName(sim), " ", outcomeBadge(sim.counted ? outcomeOf(sim.reward) : "did not count"), " ", sim.status !== "ok" && badge(sim.status)),
    sim.errorType && make("p", { class: "note bad" }, sim.errorType, sim.errorMessage ? `: ${sim.errorMessage}` : ""),
    !sim.counted && make("p", { class: "note" }, "This attempt was run again: its outcome does not count, its calls were made and paid for."),
    make("div", { class: "tiles" }, taskTiles(sim).map((one) => tile(...one))),
    sim.counted && voiceCard(sim.index),
    reader(sim, parts[5]),
    known && card("Where the time went (exclusive)", shares(excl.map(([role, value]) => [role, value || 0]), sim.duration)),
    !known && sim.detail && card("Where the time went (calls added up)", shares(LANES.map((lane) => [lane, callsOf(index).reduce((sum, call) => sum + (call.lane === lane ? call.own : 0), 0)]), sim.duration)),
    sim.detail ? taskDetail(sim) : make("p", { class: "note" }, DATA.left_out),
  ];
}

function neighbors(index) {
  const step = (to, words) => (to >= 0 && to < SIMS.n ? make("a", { href: simulationLink(to) }, words) : make("span", { class: "hint" }, words));
  return make("div", { class: "bar" }, make("a", { href: "#/tasks" }, "All simulations"), make("span", { class: "grow" }), step(index - 1, "\u2190 started before"), step(index + 1, "started after \u2192"));
}

function taskTiles(sim) {
  const number = (name) => at(SIMS, name, sim.index), tiles = [["duration", show.ms(sim.duration), `from ${show.ms(sim.start)} of the run`]], voice = VOICES[sim.index];
  if (voice) tiles.push(["audio time", show.ms(voice.audio), "duration is wall time"]);
  if (sim.reward !== null) tiles.push(["reward", show.number(sim.reward), sim.termination]);
  else if (sim.termination) tiles.push(["ended by", sim.termination]);
  if (number("steps") !== null) tiles.push(["steps", show.int(number("steps"))]);
  if (number("tool_calls") !== null) tiles.push(["tool calls", show.int(number("tool_calls")), number("tool_errors") ? `${show.int(number("tool_errors"))} failed` : null]);
  if (number("input_tokens") !== null) tiles.push(["tokens", `${show.count(number("input_tokens"))} in`, [tokensOf(number, "output_tokens", "out"), tokensOf(number, "cached_tokens", "cached")].filter(Boolean).join(", ")]);
  const agent = usd(SIMS, "agent_cost_usd", sim.index);
  if (number("steps") !== null) tiles.push(["cost", show.usd(sim.cost), agent === null ? null : `agent ${show.usd(agent)}`]);
  return tiles;
}

function tokensOf(number, name, word) { return number(name) === null ? null : `${show.count(number(name))} ${word}`; }

function taskDetail(sim) {
  const calls = callsOf(sim.index), steps = stepsOf(sim.index);
  const box = make("div");
  let picked = null;
  const fill = () => box.replaceChildren(callsTable(sim, calls, picked));
  fill();
  const pick = (index) => { picked = index; fill(); const row = box.querySelector("tr.marked"); if (row) row.scrollIntoView({ block: "nearest" }); };
  return [
    card("Timeline", taskTimeline(sim, calls, steps, pick), legendOf(LANES.filter((lane) => calls.some((call) => call.lane === lane))),
      make("p", { class: "hint" }, "Shaded: every other of the longer orchestrator steps. Striped: failed, waiting, or a pause before a retry. Click a bar to mark its row below.")),
    card("Calls", box),
    steps.length > 0 && card("Steps", stepsTable(sim, calls, steps)),
  ];
}

const CALL_COLUMNS = [
  ["queue_ms", "queue", "ms"], ["ttft_ms", "first token", "ms"], ["decode_ms", "decode", "ms"],
  ["server_queue_ms", "server: queue", "ms"], ["server_prefill_ms", "server: prefill", "ms"], ["server_decode_ms", "server: decode", "ms"],
  ["input_tokens", "in", "int"], ["cached_tokens", "cached", "int"],
  ["output_tokens", "out", "int"], ["reasoning_tokens", "reasoning", "int"], ["cost_usd", "cost", "usd"], ["attempt", "attempt", "int"], ["finish_reason", "finish", "text"],
  ["requestor", "asked by", "text"], ["error_type", "error", "text"], ["error_message", "message", "wide"],
];

function callsTable(sim, calls, picked) {
  const read = { ms, usd, text: word, wide: word, int: at };
  const more = CALL_COLUMNS.filter(([name, , kind]) => calls.some((call) => ![null, 0, name === "attempt" ? 1 : null].includes(read[kind](CALLS, name, call.index))));
  const columns = [
    { name: "at", label: "at", kind: "ms" }, { name: "step", label: "step", kind: "int" }, { name: "role", label: "role", render: (lane) => [swatch(lane), roleName(lane)] },
    { name: "name", label: "call" }, { name: "duration_ms", label: "duration", kind: "ms" },
    ...more.map(([name, label, kind]) => ({ name, label, kind, wide: kind === "wide", ...(name === "cost_usd" ? { render: costOf } : {}) })), { name: "line", label: "line of the log", kind: "int" },
  ];
  const rows = calls.map((call) => Object.assign([
    call.start - sim.start, call.step, call.lane, call.name, call.own, ...more.map(([name, , kind]) => read[kind](CALLS, name, call.index)), at(CALLS, "line", call.index),
  ], { index: call.index }));
  return table({ columns, rows, mark: (row) => row.index === picked, page: 200, note: `Times since the simulation began. ${word(SIMS, "file", sim.index) ? `Lines of ${word(SIMS, "file", sim.index)}.` : ""}` });
}

// Tools and waits cost nothing; a model call without a price has an unknown one.
function costOf(value, row) { return value === null && !["agent", "expert", "user", "judge"].includes(row[2]) ? DASH : show.usd(value); }

function stepsTable(sim, calls, steps) {
  const last = steps[steps.length - 1].end;
  const roles = LANES.filter((lane) => lane !== "evaluation" && calls.some((call) => call.lane === lane && call.start < last));
  const columns = [
    { name: "step", label: "step", kind: "int" }, { name: "acted", label: "acted" }, { name: "next", label: "next" }, { name: "at", label: "at", kind: "ms" },
    { name: "duration_ms", label: "duration", kind: "ms" }, ...roles.map((lane) => ({ name: lane, label: roleName(lane), kind: "ms" })),
    { name: "rest", label: "rest", kind: "ms", title: "duration without the calls in the step" },
  ];
  const rows = steps.map((step) => {
    const inside = roles.map((lane) => calls.reduce((sum, call) => sum + (call.lane === lane && call.start >= step.start - 0.01 && call.start < step.end ? call.own : 0), 0));
    const length = step.end - step.start;
    return [step.step, step.from, step.to, step.start - sim.start, length, ...inside.map((sum) => sum || null), Math.max(0, length - inside.reduce((a, b) => a + b, 0))];
  });
  return table({ columns, rows });
}

function latencyPage() {
  const tables = (DATA.pages.latency || []).map(embedded);
  if (!DATA.histograms.length) return [make("h1", {}, "Latency"), tables];
  const grid = make("div", { class: "columns" });
  const buttons = DATA.histograms.map((metric) => make("button", { type: "button", onclick: () => fill(metric.name) }, metric.name));
  function fill(name) {
    grid.replaceChildren(...DATA.histograms.find((metric) => metric.name === name).panels.map(histogram));
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.textContent === name)));
  }
  fill(DATA.histograms[0].name);
  return [make("h1", {}, "Latency"), make("div", { class: "bar" }, buttons), grid, tables];
}

function groupPage(name) {
  return [make("h1", {}, DATA.names[name]), ...(name === "behavior" ? DATA.sankey.map(sankey) : []), ...DATA.pages[name].map(embedded)];
}

function aboutPage() {
  const facts = (pairs) => make("dl", { class: "facts" }, pairs.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  return [make("h1", {}, "About this report"), card("The run", facts(DATA.facts)), card("What the words mean", facts(DATA.meanings)),
    ...(DATA.pages.about || []).map(embedded)];
}
