// A comparison: the verdict, what it rests on, and flipped tasks to be read side by side.
const signed = (share) => `${share > 0 ? "+" : share < 0 ? "\u2212" : ""}${Math.abs(share * 100).toFixed(1)}`;
const SEVERAL = DATA.pairs.length > 1, DOMAINS = new Set(DATA.pairs.map((pair) => pair.domain));
const plain = (share) => signed(share).replace("+", "");
const nameOf = (pair) => `${pair.b} against ${pair.a}${DOMAINS.size > 1 ? `, ${pair.domain}` : ""}`;
const wide = () => Math.max(320, Math.min(1000, document.documentElement.clientWidth - 74));
const clip = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}\u2026` : words);

function tableOf(head, rows, left = 1) {
  const cell = (tag, words, n) => make(tag, { class: n < left ? "value" : "right" }, words);
  return make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, head.map((words, n) => cell("th", words, n)))),
    make("tbody", {}, rows.map((row) => make("tr", {}, row.map((words, n) => cell("td", words, n)))))));
}

// Differences of success with 95 % intervals, on one axis around 0.
function forestOf(rows) {
  const W = wide(), narrow = W < 600, line = narrow ? 46 : 32, top = 8, left = narrow ? 8 : Math.min(330, W * 0.34), right = narrow ? 8 : 180;
  const known = rows.filter((row) => row.low !== null), H = top + rows.length * line + 36;
  const reach = Math.max(0.05, ...known.flatMap((row) => [Math.abs(row.low), Math.abs(row.high)])) * 1.06;
  const x = (share) => left + ((share + reach) / (2 * reach)) * (W - left - right);
  const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "Differences of success with 95 % intervals" });
  const bottom = top + rows.length * line, step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].find((one) => reach / one <= (narrow ? 3 : 5)) || 1;
  for (let n = -Math.floor(reach / step); n <= reach / step; n++) {
    svg.append(draw("line", { x1: x(n * step), x2: x(n * step), y1: top, y2: bottom, class: n ? "axis" : "zero" }), draw("text", { x: x(n * step), y: bottom + 14, "text-anchor": "middle" }, n ? signed(n * step).replace(".0", "") : "0"));
  }
  svg.append(draw("text", { x: x(0), y: bottom + 30, "text-anchor": "middle" }, "points of success"));
  rows.forEach((row, n) => {
    const y = top + n * line + (narrow ? 32 : line / 2);
    const said = row.low === null ? "no interval" : `${signed(row.difference)} (${plain(row.low)} to ${plain(row.high)})`;
    svg.append(narrow ? draw("text", { x: left, y: y - 16, class: "tool" }, `${clip(row.name, 30)}  ${said}`) : draw("text", { x: left - 10, y: y + 4, "text-anchor": "end", class: "tool" }, clip(row.name, Math.floor(left / 7))));
    if (row.low !== null) svg.append(draw("line", { x1: x(row.low), x2: x(row.high), y1: y, y2: y, class: "reach" }), draw("circle", { cx: x(row.difference), cy: y, r: 5, class: `point ${row.outcome || ""}` }));
    if (!narrow) svg.append(draw("text", { x: W - right + 10, y: y + 4, class: "tool" }, said));
  });
  return svg;
}

function forestRows() {
  if (SEVERAL) return DATA.pairs.map((pair) => ({ ...pair, name: nameOf(pair) }));
  const [pair] = DATA.pairs, sound = pair.on_sound_tasks;
  return [{ ...pair, name: "success, as scored" }, ...pair.bounds.map((end) => ({ ...end, name: end.end === "all_failed" ? "if unscored had failed" : "if unscored had passed" })),
    ...(sound && sound.difference !== null ? [{ ...sound, name: `on sound tasks (${sound.sound})` }] : []), ...pair.pass_k.map((row) => ({ ...row, name: `pass^${row.k}` }))];
}

// Every task from its share of solved trials in A to that in B; tasks with the same two shares are one line, as thick as they are many.
function slopesOf(pair) {
  const W = Math.min(wide(), 620), H = 280, top = 26, bottom = H - 16, left = 46, right = W - 46, y = (share) => bottom - share * (bottom - top);
  const svg = draw("svg", { class: "small", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "Share of solved trials of each task in both runs" });
  svg.append(draw("text", { x: left, y: 14, "text-anchor": "start", class: "name" }, clip(pair.a, 28)), draw("text", { x: right, y: 14, "text-anchor": "end", class: "name" }, clip(pair.b, 28)));
  for (const share of [0, 0.5, 1]) svg.append(draw("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, `${share * 100} %`), draw("text", { x: right + 8, y: y(share) + 4 }, `${share * 100} %`));
  const most = Math.max(...pair.slopes.map((slope) => slope[2].length));
  for (const [one, other, tasks] of [...pair.slopes].sort((a, b) => Math.abs(a[1] - a[0]) - Math.abs(b[1] - b[0]))) {
    const way = other > one ? "up" : other < one ? "down" : "same", path = draw("line", { x1: left, y1: y(one), x2: right, y2: y(other), class: `slope ${way}`, "stroke-width": 1 + 9 * (tasks.length / most) });
    path.addEventListener("mousemove", (event) => showTip(event, `${tasks.length} task${tasks.length > 1 ? "s" : ""}: ${clip(tasks.join(", "), 300)}`));
    path.addEventListener("mouseleave", hideTip);
    svg.append(path);
  }
  return svg;
}

// Success against the cost of a simulation; the line joins runs that none beats in both.
function costOf(points, floor) {
  const W = Math.min(wide(), 620), H = 300, left = 48, right = W - 20, top = 14, bottom = H - 40;
  const low = Math.min(...points.map((one) => one.cost_low ?? one.cost)) * 0.95, high = Math.max(...points.map((one) => one.cost_high ?? one.cost)) * 1.05 || 1;
  const x = (cost) => left + ((cost - low) / (high - low || 1)) * (right - left), y = (share) => bottom - share * (bottom - top);
  const svg = draw("svg", { class: "small", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "Success against cost of each run" });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) svg.append(draw("line", { x1: left, x2: right, y1: y(share), y2: y(share), class: "axis" }), draw("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, `${share * 100} %`));
  if (floor !== null && floor !== undefined) svg.append(draw("line", { x1: left, x2: right, y1: y(floor), y2: y(floor), class: "floor" }), draw("text", { x: right, y: y(floor) - 5, "text-anchor": "end" }, `an agent that makes no call: ${show.share(floor)}`));
  for (const at of [low, (low + high) / 2, high]) svg.append(draw("text", { x: x(at), y: bottom + 16, "text-anchor": at === low ? "start" : at === high ? "end" : "middle" }, show.usd(at)));
  svg.append(draw("text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle" }, "cost of a simulation"));
  const best = points.filter((one) => !one.beaten).sort((a, b) => a.cost - b.cost);
  svg.append(draw("polyline", { points: best.map((one) => `${x(one.cost)},${y(one.success)}`).join(" "), class: "frontier" }));
  points.forEach((one, n) => {
    if (one.low !== null) svg.append(draw("line", { x1: x(one.cost), x2: x(one.cost), y1: y(one.low), y2: y(one.high), class: "reach" }));
    if (one.cost_low !== null) svg.append(draw("line", { x1: x(one.cost_low), x2: x(one.cost_high), y1: y(one.success), y2: y(one.success), class: "reach" }));
    svg.append(draw("circle", { cx: x(one.cost), cy: y(one.success), r: 5, class: `point ${one.beaten ? "beaten" : ""}` }), draw("text", { x: x(one.cost) + 8, y: y(one.success) - 8 - 13 * (n % 4), class: "tool" }, one.letter));
  });
  return [svg, tableOf(["", "run", "success", "cost of a simulation"], points.map((one) => [one.letter, one.label, spread(one.success, one.low, one.high, show.share), spread(one.cost, one.cost_low, one.cost_high, show.usd)]), 2)];
}

function spread(middle, low, high, say) { return low === null ? say(middle) : `${say(middle)} (${say(low)} to ${say(high)})`; }

function verdictPage() {
  const outcome = SEVERAL ? "" : DATA.pairs[0].outcome;
  return [make("section", { class: `card ${outcome}` }, make("p", { class: "verdict" }, DATA.sentence), DATA.said_of_runs.map((words) => make("p", { class: "hint" }, words)),
      DATA.gates.map((gate) => make("p", {}, badge(gate.status === "met" ? "ok" : gate.status === "BROKEN" ? "broken" : gate.status), ` ${gate.run} ${gate.gate}: ${gate.detail}`))),
    DATA.note && make("p", { class: "note" }, DATA.note),
    card("Difference of success", forestOf(forestRows()), make("p", { class: "hint" }, DATA.method)),
    SEVERAL ? card("Pairs", tableOf(["B against A", "tasks", "B", "A", "difference, points", "p", "outcome"], DATA.pairs.map((pair) => [nameOf(pair), pair.tasks, show.share(pair.success_b), show.share(pair.success_a),
      pair.low === null ? DASH : `${signed(pair.difference)} (${plain(pair.low)} to ${plain(pair.high)})`, show.p(pair.p_adjusted), pair.outcome.replace("_", " ")]))) : pairCards(DATA.pairs[0]),
    Object.entries(DATA.points).map(([domain, points]) => points.length > 1 && card(`Success and cost${DOMAINS.size > 1 ? `, ${domain}` : ""}`, costOf(points, DATA.floors[domain]), make("p", { class: "hint" }, "95 % intervals over tasks. Gray: another run is at least as good and not more expensive."))),
    SEVERAL && DATA.pairs.map((pair, n) => card(nameOf(pair), make("p", {}, pair.sentence), pair.audited && make("p", { class: "hint" }, pair.audited_by_name), make("a", { href: `#/pair/${n}` }, "details")))];
}

function pairCards(pair) {
  return [make("div", { class: "columns" },
      card(`${pair.tasks} tasks, A ${pair.a}, B ${pair.b}`, tableOf(["", "A", "B", "B minus A, points", "p"], pair.success_rows), pair.audited && make("p", {}, pair.audited), make("p", { class: "hint" }, pair.noise), pair.left_out.map((words) => make("p", { class: "hint" }, words))),
      pair.slopes.length > 0 && card("Each task", slopesOf(pair), make("p", { class: "hint" }, [make("span", { class: "up" }, `${pair.up} up`), ", ", make("span", { class: "down" }, `${pair.down} down`), ". The more tasks, the thicker the line; point at it for their ids."]))),
    pair.measure_rows.length > 0 && card("Everything else", tableOf(["mean of a task", "A", "B", "B to A", "p"], pair.measure_rows)), flipsCard(pair)];
}

function flipsCard(pair) {
  const index = DATA.pairs.indexOf(pair);
  if (!pair.flips.length) return card("Flips", make("p", {}, "No task changed its share of solved trials."));
  const rows = pair.flips.map((flip, n) => [clip(flip.task, 60), `${flip.solved_a} of ${flip.scored_a}`, `${flip.solved_b} of ${flip.scored_b}`,
    make("span", { class: flip.difference > 0 ? "up" : "down" }, flip.difference > 0 ? "up" : "down"), `${Math.round(100 * flip.sure)} %`,
    flip.at && flip.at[0] && flip.at[1] ? make("a", { href: `#/flip/${index}/${n}` }, "side by side") : DASH]);
  return card("Tasks that flipped, the surest first", tableOf(["task", "A", "B", "", "how sure", "conversations"], rows),
    make("p", { class: "hint" }, "How sure: the probability, from this task's trials alone, that B is really better (or worse) at it."));
}

function pairPage([n]) {
  const pair = DATA.pairs[Number(n)];
  return pair ? [make("h1", {}, nameOf(pair)), make("section", { class: `card ${pair.outcome}` }, make("p", { class: "verdict" }, pair.sentence)), pairCards(pair)] : [make("h1", {}, "No such pair")];
}

function flipPage([n, place]) {
  const pair = DATA.pairs[Number(n)], flip = pair && pair.flips[Number(place)];
  if (!flip || !flip.at || !flip.at[0] || !flip.at[1]) return [make("h1", {}, "No such task")];
  const up = flip.difference > 0, link = (to, words) => pair.flips[to] && pair.flips[to].at && make("a", { href: `#/flip/${n}/${to}` }, words);
  const sides = [{ title: pair.a, reward: up ? 0 : 1, link: null }, { title: pair.b, reward: up ? 1 : 0, link: null }];
  return [make("h1", {}, `Task ${flip.task}: ${flip.solved_a} of ${flip.scored_a} in ${pair.a}, ${flip.solved_b} of ${flip.scored_b} in ${pair.b}`),
    make("div", { class: "bar" }, make("a", { href: "#/" }, "Verdict"), link(Number(place) - 1, "\u2190 previous"), link(Number(place) + 1, "next \u2192")),
    later(Promise.all(flip.at.map(conversationAt)), (talks) => besideTurns(sides, talks))];
}

function settingsPage() {
  const labels = DATA.runs.map((run) => run.label);
  return [make("h1", {}, "Settings"), card("What differs", DATA.setting_rows.length ? tableOf(["setting", ...labels], DATA.setting_rows, labels.length + 1) : make("p", {}, "No setting differs: whatever differs is chance, or was not recorded.")),
    card("All settings", tableOf(["setting", ...labels], DATA.all_setting_rows, labels.length + 1))];
}

function startComparison() {
  const main = make("main"), nav = make("nav", { "aria-label": "pages" }), pages = { "": verdictPage, pair: pairPage, flip: flipPage, settings: settingsPage };
  let shown = null;
  const render = () => {
    const route = location.hash.replace(/^#\/?/, ""), [name, ...rest] = route.split("/");
    nav.replaceChildren(...[["", "Verdict"], ["settings", "Settings"]].map(([target, words]) => make("a", { href: `#/${target}`, class: target === name ? "here" : "" }, words)));
    hideTip();
    main.replaceChildren();
    append(main, [Object.hasOwn(pages, name) ? pages[name](rest) : make("h1", {}, "No such page")]);
    if (shown !== route) scrollTo(0, 0);
    shown = route;
  };
  const button = make("button", { type: "button", id: "theme", "aria-label": "light or dark", onclick: startTheme(render) }, "\u25D1");
  document.getElementById("app").append(make("header", { class: "top" }, make("div", { class: "inner" }, make("span", { class: "name" }, DATA.title), nav, button)), main, tip);
  addEventListener("hashchange", render);
  let width = innerWidth;  // drawings have the width of the page; a conversation that is being read stays as it is
  addEventListener("resize", () => { if (innerWidth !== width && !location.hash.startsWith("#/flip")) render(); width = innerWidth; });
  render();
}

startComparison();
