// The run as the report embeds it: columns of whole numbers (microseconds, nanodollars) and codes into one list of strings.
const STRINGS = DATA.strings;
const text = (code) => (code === null || code === undefined ? null : STRINGS[code]);
const at = (group, name, index) => { const column = group[name]; return column ? column[index] ?? null : null; };
const ms = (group, name, index) => { const value = at(group, name, index); return value === null ? null : value / 1000; };
const usd = (group, name, index) => { const value = at(group, name, index); return value === null ? null : value / 1e9; };
const word = (group, name, index) => text(at(group, name, index));

// A column of which most is absent comes as places and values.
function full(group, length) {
  for (const [name, column] of Object.entries(group)) {
    if (column === null || typeof column !== "object" || Array.isArray(column)) continue;
    const values = new Array(length).fill(null);
    column.at.forEach((place, n) => { values[place] = column.is[n]; });
    group[name] = values;
  }
  return group;
}

const SIMS = full(DATA.sims, DATA.sims.n), CALLS = full(DATA.calls, DATA.calls.lane.length), STEPS = full(DATA.steps, DATA.steps.start.length);
const SEVERAL_DOMAINS = new Set(SIMS.domain).size > 1;
const RUN_MS = DATA.end / 1000;

function simulation(index) {
  const start = ms(SIMS, "start", index), end = ms(SIMS, "end", index);
  return {
    index, start, end, duration: end - start, domain: word(SIMS, "domain", index), task: word(SIMS, "task", index),
    trial: at(SIMS, "trial", index), attempt: at(SIMS, "attempt", index), counted: at(SIMS, "counted", index) === 1,
    status: word(SIMS, "status", index), reward: at(SIMS, "reward", index), termination: word(SIMS, "termination", index),
    errorType: word(SIMS, "error_type", index), errorMessage: word(SIMS, "error_message", index), cost: usd(SIMS, "cost_usd", index),
    detail: at(SIMS, "detail", index) === 1, run: word(SIMS, "run", index),
  };
}

function simulationName(sim) {
  const parts = SEVERAL_DOMAINS && sim.domain !== null ? [sim.domain] : [];
  parts.push(sim.task);
  if (sim.trial) parts.push(`trial ${sim.trial}`);
  if (sim.attempt > 1 || !sim.counted) parts.push(`attempt ${sim.attempt}`);
  return parts.join(" ");
}

function simulationLink(index) {
  if (index === null || index === undefined) return null;
  const sim = simulation(index);
  return `#/task/${[sim.domain ?? "", sim.task, sim.trial ?? "", sim.attempt, index].map((part) => encodeURIComponent(part)).join("/")}`;
}

// The link names the simulation; its number only settles what a name leaves open.
function findSimulation(parts) {
  const [domain, task, trial, attempt, index] = parts;
  const fits = (i) => {
    const sim = simulation(i);
    return (sim.domain ?? "") === domain && sim.task === task && String(sim.trial ?? "") === trial && String(sim.attempt) === attempt;
  };
  if (index !== undefined && Number(index) < SIMS.n && fits(Number(index))) return Number(index);
  for (let i = 0; i < SIMS.n; i++) if (fits(i)) return i;
  return null;
}

const LANES = DATA.lanes;
function callsOf(index) {
  const calls = [], base = ms(SIMS, "start", index);
  for (let i = SIMS.first[index]; i < SIMS.first[index + 1]; i++) {
    const start = base + CALLS.start[i] / 1000;
    calls.push({
      index: i, lane: LANES[CALLS.lane[i]], name: text(CALLS.name[i]), start, end: start + CALLS.length[i] / 1000,
      own: ms(CALLS, "own", i) ?? CALLS.length[i] / 1000, failed: CALLS.error[i] === 1, step: at(CALLS, "step", i),
    });
  }
  return calls;
}

function stepsOf(index) {
  const steps = [], base = ms(SIMS, "start", index);
  for (let i = SIMS.first_step[index]; i < SIMS.first_step[index + 1]; i++) {
    const start = base + STEPS.start[i] / 1000;
    steps.push({ step: at(STEPS, "step", i), from: word(STEPS, "from_role", i), to: word(STEPS, "to_role", i), start, end: start + STEPS.length[i] / 1000 });
  }
  return steps;
}

const KINDS = [
  ["llm_ms", "agent"], ["expert_ms", "expert"], ["tool_ms", "tool"], ["retrieval_ms", "retrieval"], ["embedding_ms", "embedding"], ["user_ms", "user"], ["judge_ms", "judge"], ["evaluation_ms", "evaluation"],
  ["setup_ms", "setup"], ["retry_wait_ms", "retry"], ["other_ms", "other"],
];
