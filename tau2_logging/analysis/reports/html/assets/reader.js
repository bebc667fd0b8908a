// A simulation as a reader sees it: what was said and called, with time, tokens and cost; beside it the task, its reference and its reward.
const TALKS = DATA.conversations || {};
const UNPACKED = new Map();
const SPEAKERS = { assistant: "agent", user: "user" };

async function unpack(number) {
  const packed = atob(document.getElementById(`block${number}`).textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text());
}

function conversationAt([number, place]) {
  if (!UNPACKED.has(number)) UNPACKED.set(number, unpack(number));
  return UNPACKED.get(number).then((block) => ({ ...block.conversations[place], policy: block.policies[block.conversations[place].policy] ?? null }));
}

function placeOf(index) { return TALKS.where ? TALKS.where[index] ?? null : null; }
function faultOf(index) { return TALKS.faults ? TALKS.faults[index] ?? null : null; }
function causeOf(index) { return TALKS.causes ? TALKS.causes[index] ?? null : null; }

const OUTCOMES = ["Not solved", "Not scored", "Solved"];
function outcomeOf(reward) { return reward === null || reward === undefined ? "Not scored" : reward >= 1 - 1e-6 ? "Solved" : "Not solved"; }
function outcomeBadge(word) { return make("span", { class: `badge ${{ Solved: "ok", "Not solved": "error" }[word] || ""}` }, word); }

// What is shown once a block is unpacked; the page stands at once. `then` is done with it on the page.
function later(promise, fill, then) {
  const box = make("div", {}, make("p", { class: "hint" }, "Reading the conversation\u2026"));
  promise.then((found) => { const content = make("div"); append(content, [fill(found)]); box.replaceWith(content); if (then) then(found); })
    .catch((error) => box.replaceChildren(make("p", { class: "note bad" }, `The conversation cannot be shown: ${error.message}`)));
  return box;
}

// `shows`: cause or fault, whose turn is brought into view; of a cause that no single turn shows, that of the fault.
function reader(sim, shows) {
  const place = placeOf(sim.index);
  if (place === null || !sim.counted) return make("p", { class: "note" }, (sim.counted && TALKS.note) || "The conversation of this simulation was not recorded.");
  return later(conversationAt(place), (talk) => [faultCard(talk), causeCard(talk), measuredCard(talk), make("div", { class: "reader" }, make("div", {}, talkCard(talk, sim)), make("aside", {}, ...aside(talk)))],
    (talk) => { if (["cause", "fault"].includes(shows)) goToTurn((talk[shows] || {}).turn ?? (talk.fault || {}).turn); });
}

function faultCard(talk) {
  if (!talk.fault) return null;
  const { fault, sentence, rule, precision, measured_on: of, second, turn } = talk.fault;
  const measured = of ? `right in ${Math.round(precision * of)} of ${of} labeled simulations` : "not met by any labeled simulation";
  return make("section", { class: "card fault" }, make("h2", {}, "Whose fault: ", make("span", { class: "badge" }, fault)), sentence && make("p", {}, `${sentence[0].toUpperCase()}${sentence.slice(1)}.`),
    turn === undefined ? null : turnLink(turn, `Go to turn ${turn + 1}`),
    make("p", { class: "hint" }, rule ? `Rule: ${rule}, ${measured}.${second ? ` It may also be the fault of: ${second}.` : ""}` : "No rule applies; read the conversation."));
}

function causeCard(talk) {
  if (!talk.cause) return null;
  const { cause, evidence, turn } = talk.cause;
  return make("section", { class: "card cause" }, make("h2", {}, `Likely cause: ${cause}`), evidence && make("p", {}, evidence),
    turn === undefined ? make("p", { class: "hint" }, "No single turn shows it.") : turnLink(turn, `Go to turn ${turn + 1}`),
    make("p", { class: "hint" }, "Found by rules; read the conversation to verify."));
}

// What `branch` measured: the chance of success after each turn that was played on from, and who else would have saved it.
function measuredCard(talk) {
  if (!talk.measured) return null;
  const { curve, turn, decided, saved } = talk.measured, known = (curve || []).length > 0;
  return make("section", { class: "card measured" }, make("h2", {}, known ? "Measured: the chance of success" : "Measured: played on otherwise"),
    decided && make("p", {}, `${decided[0].toUpperCase()}${decided.slice(1)}.`), known && chanceCurve(talk.measured),
    turn === undefined ? null : turnLink(turn, `Go to turn ${turn + 1}`),
    (saved || []).length > 0 && make("ul", {}, saved.map((words) => make("li", {}, `${words[0].toUpperCase()}${words.slice(1)}.`))),
    make("p", { class: "hint" }, known && !decided ? "No turn can be named for sure. " : "", "By playing on from the turn: tau2-logging branch."));
}

function chanceCurve({ curve, turns, won, turn }) {
  const W = 720, H = 150, left = 44, right = 16, top = 10, bottom = 34;
  const points = [...curve, [turns, won ? 1 : 0]], first = points[0][0];
  const x = (at) => left + ((at - first) / (turns - first || 1)) * (W - left - right), y = (chance) => top + (1 - chance) * (H - top - bottom);
  const said = points.map(([at, chance]) => `after turn ${at} ${chance.toFixed(2)}`).join(", ");
  const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `Chance of success: ${said}` });
  for (const level of [0, 0.5, 1]) svg.append(draw("line", { x1: left, x2: W - right, y1: y(level), y2: y(level), class: "axis" }), draw("text", { x: left - 6, y: y(level) + 4, "text-anchor": "end" }, `${level * 100} %`));
  if (turn !== undefined) svg.append(draw("line", { x1: x(turn + 1), x2: x(turn + 1), y1: top, y2: H - bottom, class: "ink", "stroke-dasharray": "4 3" }));
  svg.append(draw("path", { d: `M${points.map(([at, chance]) => `${x(at).toFixed(1)},${y(chance).toFixed(1)}`).join(" L")}`, class: "ink", "stroke-width": 1.6, fill: "none" }));
  let end = -40;
  for (const [at, chance, solved, scored] of points) {
    const words = scored === undefined ? "how it ended" : `${solved} of ${scored} solved`;
    svg.append(draw("circle", { cx: x(at), cy: y(chance), r: 3.5, fill: color("agent") }, draw("title", {}, `after turn ${at}: ${words}`)));
    if (x(at) - end > 22) { svg.append(draw("text", { x: x(at), y: H - bottom + 16, "text-anchor": "middle" }, at)); end = x(at); }
  }
  svg.append(draw("text", { x: (left + W - right) / 2, y: H - 3, "text-anchor": "middle" }, "played on after turn"));
  return svg;
}

function turnLink(turn, words) {
  return make("button", { type: "button", class: "jump", onclick: () => goToTurn(turn) }, words);
}

function goToTurn(turn) {
  const target = document.getElementById(`turn-${turn}`);
  if (!target) return;
  target.scrollIntoView({ block: "center" });
  target.focus({ preventScroll: true });
}

function talkCard(talk, sim) {
  const shown = { lost: talk.cause ? talk.cause.turn : undefined, fault: talk.fault ? talk.fault.turn : undefined, made: new Map((talk.reference || []).filter((one) => one.position !== undefined).map((one) => [one.position, one.outcome])) };
  const fold = make("button", { type: "button", onclick: () => {
    const all = [...list.querySelectorAll("details.call")], open = all.some((one) => !one.open);
    all.forEach((one) => { one.open = open; });
    fold.textContent = open ? "Fold all calls" : "Unfold all calls";
  } }, "Unfold all calls");
  const list = make("div", { class: "turns" }, (talk.turns || []).map((turn, number) => turnOf(turn, number, shown, `turn-${number}`)));
  return card("Conversation", make("div", { class: "bar" }, make("span", { class: "hint" }, `${(talk.turns || []).length} turns, from ${talk.source}`), make("span", { class: "grow" }), fold, besideLinks(sim)), list);
}

function turnOf(turn, number, shown, id) {
  const lost = shown.lost === number, fault = shown.fault === number;
  return make("article", { class: `turn ${turn.who === "user" ? "user" : "agent"}${lost || fault ? " lost" : ""}${shown.differs ? " differs" : ""}`, id, tabindex: "-1" },
    make("div", { class: "margin" }, make("b", {}, SPEAKERS[turn.who] || turn.who), ` ${number + 1}`, marginOf(turn).map((words) => make("span", {}, words))),
    make("div", { class: "body" }, lost && make("p", { class: "flag" }, "Here the likely cause shows."), fault && make("p", { class: "flag" }, "Here the fault shows."), shown.differs && make("p", { class: "flag" }, "First turn that differs."),
      turn.before && make("p", { class: "hint" }, "Part of the task: it was there before the simulation began."),
      turn.text && make("p", { class: "words" }, turn.text), turn.heard && make("p", { class: "hint words" }, `Heard as: ${turn.heard}`), (turn.calls || []).map((call) => callOf(call, shown))));
}

function marginOf(turn) {
  const words = [];
  if (turn.audio_at_ms !== undefined) words.push(`at ${show.ms(turn.audio_at_ms)} of audio`, ...(turn.audio_ms === undefined ? [] : [`for ${show.ms(turn.audio_ms)}`]));
  if (turn.at_ms !== undefined) words.push(`at ${show.ms(turn.at_ms)}`);
  if (turn.ms !== undefined) words.push(`took ${show.ms(turn.ms)}${turn.model_calls > 1 ? ` in ${turn.model_calls} model calls` : ""}`);
  if (turn.tokens_in !== undefined) words.push(`${show.int(turn.tokens_in)} in${turn.tokens_out === undefined ? "" : `, ${show.int(turn.tokens_out)} out`}`);
  const cost = turn.usd !== undefined ? show.usd(turn.usd) : turn.ms !== undefined ? "cost unknown" : null;
  const last = [cost, turn.line !== undefined && `line ${turn.line}`].filter(Boolean).join(", ");
  if (last) words.push(last);
  return words;
}

function callOf(call, shown) {
  const reference = call.position === undefined ? undefined : shown.made && shown.made.get(call.position);
  const marks = [
    call.error === true && make("span", { class: "badge error" }, "failed"), call.error === undefined && make("span", { class: "badge" }, "no result"),
    call.times > 1 && make("span", { class: "badge warn" }, `repeated \u00d7${call.times}`),
    reference && make("span", { class: `badge ${reference === "made" ? "ok" : "warn"}` }, reference === "other arguments" ? "not as in the reference" : `reference action ${reference}`),
  ];
  const facts = [call.ms !== undefined && show.ms(call.ms), call.line !== undefined && `line ${call.line}`].filter(Boolean).join(", ");
  return make("details", { class: `call${call.error === true ? " bad" : ""}` },
    make("summary", {}, make("code", {}, call.tool), make("span", { class: "hint args" }, ` ${brief(call.arguments)} `), marks, facts && make("span", { class: "hint" }, ` ${facts}`)),
    make("div", { class: "hint" }, "arguments"), make("pre", {}, pretty(call.arguments)),
    call.result !== undefined && [make("div", { class: "hint" }, call.error === true ? "error" : "result"), make("pre", {}, prettyText(call.result))]);
}

function brief(value) { const text = value === undefined ? "" : JSON.stringify(value); return text.length > 90 ? `${text.slice(0, 89)}\u2026` : text; }
function pretty(value) { return value === undefined ? "unknown" : typeof value === "string" ? value : JSON.stringify(value, null, 2); }
function prettyText(text) {
  if (!/^\s*[[{]/.test(text)) return text;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch (error) { return text; }
}

function aside(talk) {
  return [rewardCard(talk), referenceCard(talk), taskCard(talk), changesCard(talk),
    talk.policy && card(null, make("details", {}, make("summary", {}, "Policy"), make("p", { class: "words" }, talk.policy))),
    (talk.missing || []).length > 0 && card("Not recorded", make("ul", {}, talk.missing.map((sentence) => make("li", {}, sentence))))];
}

const MET = (met) => (met === true ? ["\u2713", "good"] : met === false ? ["\u2717", "bad"] : ["?", "faint"]);
function marked(met, ...words) { const [sign, tone] = MET(met); return make("li", { class: tone }, make("span", { class: "sign", "aria-label": { good: "met", bad: "not met", faint: "unknown" }[tone] }, sign), make("div", {}, words)); }

function rewardCard(talk) {
  const parts = talk.parts || [];
  return parts.length > 0 && card("Reward", make("ul", { class: "checks" }, parts.map((part) => marked(part.full,
    make("b", {}, part.part), part.value === undefined ? " does not count here" : ` ${show.number(part.value)}`,
    (part.reasons || []).length > 0 && make("ul", { class: "checks" }, part.reasons.map((reason) => marked(reason.met, reason.text, reason.why && make("div", { class: "hint" }, reason.why))))))));
}

function referenceCard(talk) {
  const actions = talk.reference || [];
  if (!actions.length) return null;
  const made = actions.filter((one) => one.outcome.startsWith("made")).length;
  return card(`Reference actions: ${made} of ${actions.length} made`, make("ul", { class: "checks" }, actions.map((one) => marked(one.outcome.startsWith("made") && one.outcome !== "made, refused",
    make("code", {}, one.tool), ` ${one.outcome} `, one.turn !== undefined && turnLink(one.turn, `turn ${one.turn + 1}`),
    one.differing && make("div", {}, one.differing), make("details", {}, make("summary", {}, "arguments"), make("pre", {}, pretty(one.arguments)))))));
}

function taskCard(talk) {
  return talk.task && card("Task", make("dl", { class: "said-of" }, talk.task.said.map(([name, text]) => [make("dt", {}, name), make("dd", { class: "words" }, text)])));
}

function changesCard(talk) {
  const changes = talk.changes || [];
  return changes.length > 0 && card("Changes of the database", changes.map((one) => make("details", { open: changes.length < 3 },
    make("summary", {}, make("code", {}, one.tool ?? "no tool"), ` ${one.of} in the ${one.database}'s database`),
    make("ul", {}, (one.changes || []).map(([path, kind, before, after]) => make("li", {}, make("code", {}, path), ` ${kind}: `, kind === "added" ? short(after) : kind === "removed" ? short(before) : `${short(before)} \u2192 ${short(after)}`))),
    one.of > (one.changes || []).length && make("p", { class: "hint" }, `The first ${one.changes.length} of ${one.of}.`))));
}

function short(value) { const text = JSON.stringify(value ?? null); return text.length > 160 ? `${text.slice(0, 159)}\u2026` : text; }

// Other simulations of the same task: trials, runs and arms (`retail@anger` is an arm of retail).
function sameTask(sim) {
  const base = (domain) => (domain ?? "").split("@")[0], found = [];
  for (let i = 0; i < SIMS.n; i++) {
    if (i === sim.index || at(SIMS, "task", i) !== at(SIMS, "task", sim.index) || placeOf(i) === null) continue;
    const other = simulation(i);
    if (other.counted && base(other.domain) === base(sim.domain)) found.push([String(i), `${other.domain !== sim.domain ? `${other.domain} ` : ""}${other.run !== sim.run ? `${other.run} ` : ""}trial ${other.trial ?? 0}: ${outcomeOf(other.reward)}`]);
  }
  (TALKS.others || []).forEach((other, n) => { if (other.task === sim.task && base(other.domain) === base(sim.domain)) found.push([`o${n}`, `${other.run} trial ${other.trial}: ${outcomeOf(other.reward)}`]); });
  return found;
}

function besideLinks(sim) {
  const same = sameTask(sim);
  if (!same.length) return null;
  const select = make("select", { "aria-label": "put beside another simulation of this task", onchange: () => { if (select.value) location.hash = `#/beside/${sim.index}/${select.value}`; } },
    make("option", { value: "" }, "Side by side with\u2026"), same.map(([value, words]) => make("option", { value }, words)));
  return select;
}

function side(name) {
  const other = /^o\d+$/.test(name) ? (TALKS.others || [])[Number(name.slice(1))] : null;
  if (other) return { title: `${other.run} ${other.domain} ${other.task} trial ${other.trial}`, reward: other.reward, place: other.at, link: null };
  const index = Number(name);
  if (!/^\d+$/.test(name) || index >= SIMS.n || placeOf(index) === null) return null;
  const sim = simulation(index);
  return { title: `${sim.domain ?? ""} ${sim.task} trial ${sim.trial ?? 0}`, reward: sim.reward, place: placeOf(index), link: simulationLink(index) };
}

function besidePage(names) {
  const sides = names.slice(0, 2).map(side);
  if (sides.length < 2 || sides.includes(null)) return [make("h1", {}, "No such pair"), make("a", { href: "#/tasks" }, "All simulations")];
  return [make("h1", {}, "Side by side"), later(Promise.all(sides.map((one) => conversationAt(one.place))), (talks) => besideTurns(sides, talks))];
}

// Arguments in another order are the same arguments.
function ordered(name, value) { return value && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value; }

function sameTurn(a, b) {
  const core = (turn) => turn && JSON.stringify([turn.who, turn.text, (turn.calls || []).map((call) => [call.tool, call.arguments, call.error === true])], ordered);
  return core(a) === core(b);
}

function besideTurns(sides, talks) {
  const turns = talks.map((talk) => talk.turns || []), length = Math.max(...turns.map((mine) => mine.length));
  let first = Array.from({ length }, (_, n) => n).findIndex((n) => !sameTurn(turns[0][n], turns[1][n]));
  const head = make("div", { class: "pair" }, sides.map((one, n) => make("div", {}, make("h2", {}, one.link ? make("a", { href: one.link }, one.title) : one.title, " ", outcomeBadge(outcomeOf(one.reward))),
    talks[n].cause && make("p", {}, `Likely cause: ${talks[n].cause.cause}`))));
  const rows = Array.from({ length }, (_, n) => make("div", { class: "pair" }, turns.map((mine, which) => make("div", {},
    mine[n] ? turnOf(mine[n], n, { differs: n === first }, which ? `other-${n}` : `turn-${n}`) : make("p", { class: "hint" }, n === first ? "This one ended here." : "")))));
  return [card(null, head, first < 0 ? make("p", {}, "Every turn is the same.") : turnLink(first, `First difference: turn ${first + 1}`)), card(null, make("div", { class: "beside" }, rows))];
}
