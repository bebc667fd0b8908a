// An experiment: arms against a reference as a forest plot, its tables, and the same task's conversations side by side.
const POINTS = (share) => `${share >= 0 ? "+" : "\u2212"}${Math.abs(share * 100).toFixed(1)}`;

// Differences with 95 % intervals on one axis around 0. rows: {arm, difference, difference_low, difference_high, p_holm, remark}.
function forest(rows, reference) {
  const known = rows.filter((row) => row.difference !== null && row.difference_low !== null);
  const reach = Math.max(0.05, ...known.flatMap((row) => [Math.abs(row.difference_low), Math.abs(row.difference_high)])) * 1.08;
  const W = 1000, left = 190, right = 300, line = 34, top = 14, H = top + rows.length * line + 34;
  const x = (share) => left + ((share + reach) / (2 * reach)) * (W - left - right);
  const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, class: "wide", role: "img", "aria-label": `Difference of success from ${reference}, by arm` });
  const bottom = top + rows.length * line;
  for (const tick of ticks(reach)) {
    svg.append(draw("line", { x1: x(tick), x2: x(tick), y1: top, y2: bottom, class: tick === 0 ? "zero" : "axis" }),
      draw("text", { x: x(tick), y: bottom + 14, "text-anchor": "middle" }, tick === 0 ? "0" : POINTS(tick)));
  }
  svg.append(draw("text", { x: x(0), y: bottom + 30, "text-anchor": "middle" }, `points of success, compared with ${reference}`));
  rows.forEach((row, index) => svg.append(forestRow(row, top + (index + 0.5) * line, x, W - right)));
  return svg;
}

function ticks(reach) {
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].find((one) => reach / one <= 5) || 1, many = Math.floor(reach / step);
  return Array.from({ length: 2 * many + 1 }, (_, index) => (index - many) * step);
}

function forestRow(row, y, x, edge) {
  const group = draw("g", {}, draw("text", { x: 178, y: y + 4, "text-anchor": "end", class: "tool" }, row.arm.length > 26 ? `${row.arm.slice(0, 25)}\u2026` : row.arm));
  if (row.difference === null || row.difference_low === null) {
    group.append(draw("text", { x: x(0) + 8, y: y + 4 }, row.remark || "no interval"));
    return group;
  }
  const found = row.p_holm !== null && row.p_holm < 0.05;
  group.append(
    draw("line", { x1: x(row.difference_low), x2: x(row.difference_high), y1: y, y2: y, class: "reach" }),
    draw("circle", { cx: x(row.difference), cy: y, r: 5, class: found ? "point found" : "point" }),
    draw("text", { x: edge + 14, y: y + 4, class: "tool" },
      `${POINTS(row.difference)}  (${POINTS(row.difference_low)} to ${POINTS(row.difference_high)})  p ${show.p(row.p_holm)}`));
  return group;
}

function experimentPage(one) {
  const rows = one.forest.map((row) => ({ ...row }));
  return [make("h1", {}, "Experiment"),
    card("Result", make("ul", {}, one.conclusions.map((sentence) => make("li", {}, sentence)))),
    card(`Success compared with ${one.reference}`, make("div", { class: "scroll" }, forest(rows, one.reference)),
      make("p", { class: "hint" }, "Paired by task, 95 % intervals over tasks, p adjusted by Holm. Red: a difference may be claimed.")),
    ...one.tables.map(embedded)];
}

// One task at a time: a column for each arm, its first trial.
function conversationsPage(one, rest) {
  if (!one.conversations.length) return [make("h1", {}, "Conversations"), make("p", {}, "None.")];
  const chosen = one.conversations[Math.min(Number(rest[0]) || 0, one.conversations.length - 1)];
  const links = one.conversations.map((talk, index) => make("a", { href: `#/conversations/${index}`, class: talk === chosen ? "here" : "" }, `${talk.domain} ${talk.task.length > 40 ? `${talk.task.slice(0, 39)}\u2026` : talk.task}`));
  return [make("h1", {}, "Conversations"),
    make("p", { class: "hint" }, "The first trial of a task in every arm, side by side; tasks that flipped come first."),
    make("div", { class: "bar talks" }, links),
    make("div", { class: "sides" }, chosen.arms.map((arm) => card(null, armLinks(chosen, arm),
      make("p", { class: "hint" }, arm.reward === null ? "no result" : `reward ${arm.reward}, ${arm.lines.length} lines`),
      arm.lines.map(([who, text]) => make("div", { class: `said ${who.split(" ")[0]}` }, make("b", {}, who), ` ${text}`)))))];
}

// The heading of an arm: its name, a link to the page of its simulation, and one that puts it beside the reference's.
function armLinks(chosen, arm) {
  const mine = firstTrial(chosen, arm.arm), other = firstTrial(chosen, DATA.experiment.reference);
  return make("h2", {}, arm.arm, " ", arm.reward !== null && outcomeBadge(outcomeOf(arm.reward)), mine !== null && [" ", make("a", { href: simulationLink(mine) }, "read")],
    mine !== null && other !== null && mine !== other && [" ", make("a", { href: `#/beside/${other}/${mine}` }, `beside ${DATA.experiment.reference}`)]);
}

function firstTrial(chosen, arm) {
  for (let i = 0; i < SIMS.n; i++) {
    if (SIMS.counted[i] !== 1 || word(SIMS, "task", i) !== chosen.task || (at(SIMS, "trial", i) || 0) !== 0) continue;
    if (word(SIMS, "domain", i) === `${chosen.domain}@${arm}` && placeOf(i) !== null) return i;
  }
  return null;
}
