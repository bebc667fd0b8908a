// The run on a canvas. From afar simulations are blocks, darker the longer they took; from near they show their calls.
const NEAR = 36, NARROW = 5;
const SHADES = { light: ["#d5e3f3", "#9cc1e8", "#4a86c8", "#123d75"], dark: ["#26384f", "#38618f", "#5f9ad8", "#c2dcfa"] };
const BAD = { light: "#c01c28", dark: "#ff6b6b" };

function runTimeline() {
  const packed = SIMS.n > 60;
  const box = make("div");
  const order = make("select", { "aria-label": "rows", onchange: () => fill(order.value) },
    make("option", { value: "slots", selected: packed }, "packed: a row a slot of the pool"),
    make("option", { value: "start", selected: !packed }, "a row a simulation, by start"),
    make("option", { value: "length" }, "a row a simulation, longest first"));
  function fill(how) {
    const timeline = zoomable(runPainter(how), runHeight(how));
    timeline.buttons.prepend(order);
    box.replaceChildren(timeline.element);
  }
  fill(packed ? "slots" : "start");
  const roles = legendOf([...LANES.filter((role) => CALLS.lane.includes(LANES.indexOf(role))), "other"]);
  const words = make("p", { class: "hint" }, "From afar a simulation is a block: darker when it took longer than half, 90 % and 99 % of all, red when it ended in an error or was not solved; zoom in for its calls. Click one to open it.");
  return card("Timeline of the run", box, roles, words);
}

function rowsFor(how) {
  if (how === "slots") return Int32Array.from(SIMS.slot);
  const order = Array.from({ length: SIMS.n }, (_, index) => index);
  if (how === "length") order.sort((a, b) => SIMS.end[b] - SIMS.start[b] - (SIMS.end[a] - SIMS.start[a]));
  const rows = new Int32Array(SIMS.n);
  order.forEach((index, row) => { rows[index] = row; });
  return rows;
}

function runHeight(how) {
  const rows = Math.max(...rowsFor(how), 0) + 1;
  return AXIS + Math.min(rows * heightOfRow(how, rows) + 2, 620);
}

function heightOfRow(how, rows) { return how === "slots" ? Math.max(6, Math.min(20, 560 / rows)) : 17; }

function runPainter(how) {
  const row = rowsFor(how), rows = row.reduce((most, one) => Math.max(most, one), 0) + 1, byRow = Array.from({ length: rows }, () => []);
  for (let index = 0; index < SIMS.n; index++) byRow[row[index]].push(index);
  const lengths = Array.from({ length: SIMS.n }, (_, i) => SIMS.end[i] - SIMS.start[i]).sort((a, b) => a - b);
  const middle = (lengths[Math.floor(lengths.length / 2)] || 0) / 1000;
  const limits = [0.5, 0.9, 0.99].map((share) => lengths[Math.min(lengths.length - 1, Math.floor(share * lengths.length))]);
  const rowHeight = heightOfRow(how, rows);
  return {
    name: "timeline of the run", rows, rowHeight, gutter: how === "slots" ? 58 : gutterFor(byRow), span: [0, Math.max(RUN_MS, 0.001)],
    label: (number) => (how === "slots" ? (number % 5 === 0 ? `slot ${number}` : "") : simulationName(simulation(byRow[number][0]))),
    paint: (pen, view) => paintRun(pen, view, byRow, limits, rowHeight, view.x(middle) - view.x(0) >= NEAR),
    hit: (number, moment, slack) => {
      const index = byRow[number].find((i) => SIMS.start[i] / 1000 - slack <= moment && moment <= SIMS.end[i] / 1000 + slack);
      return index === undefined ? null : { text: describe(simulation(index)), link: simulationLink(index) };
    },
  };
}

// Wide enough for the names, as far as they are reasonable.
function gutterFor(byRow) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const widest = byRow.slice(0, 500).reduce((most, row) => Math.max(most, pen.measureText(simulationName(simulation(row[0]))).width), 60);
  return Math.min(280, widest + 14);
}

function describe(sim) {
  const lines = [simulationName(sim), `${sim.status}${sim.reward === null ? "" : `, reward ${show.number(sim.reward)}`}`, `${show.ms(sim.duration)} from ${show.ms(sim.start)}`];
  if (sim.errorType) lines.push(sim.errorType);
  return lines.join("\n");
}

function paintRun(pen, view, byRow, limits, rowHeight, near) {
  const gap = rowHeight > 8 ? 1.5 : 0.5, tall = rowHeight - gap, tones = LANES.map(color), other = color("other");
  for (let row = view.firstRow; row <= view.lastRow; row++) {
    const y = view.y(row);
    let drawn = -1;
    for (const index of byRow[row]) {
      const x0 = view.x(SIMS.start[index] / 1000), x1 = view.x(SIMS.end[index] / 1000);
      if (x1 < 0 || x0 > view.width || x1 <= drawn) continue;
      const bad = DATA.bad.includes(SIMS.status[index]) || outcomeOf(at(SIMS, "reward", index)) === "Not solved";
      const seam = x1 - x0 > 3 ? 1 : 0;
      if (!near || x1 - x0 < NARROW || SIMS.detail[index] !== 1) {
        const length = SIMS.end[index] - SIMS.start[index], shade = limits.filter((limit) => length > limit).length;
        pen.fillStyle = bad ? BAD[theme()] : SHADES[theme()][shade];
        pen.fillRect(x0 + seam, y, Math.max(x1 - x0 - seam, 0.8), tall);
      } else {
        pen.fillStyle = other;
        pen.fillRect(x0 + seam, y, x1 - x0 - seam, tall);
        paintCalls(pen, view, index, y, tall, tones);
        if (bad) { pen.fillStyle = BAD[theme()]; pen.fillRect(x1 - 3, y, 3, tall); }
      }
      drawn = Math.floor(x1 * 2) / 2;
    }
  }
  for (const moment of DATA.breaks) { pen.fillStyle = css("--ink"); pen.fillRect(view.x(moment), AXIS, 1.5, view.height); }
}

function paintCalls(pen, view, index, y, tall, tones) {
  const base = SIMS.start[index];
  for (let i = SIMS.first[index]; i < SIMS.first[index + 1]; i++) {
    const start = (base + CALLS.start[i]) / 1000, own = CALLS.own && CALLS.own[i] !== null ? CALLS.own[i] : CALLS.length[i];
    const x0 = view.x(start), x1 = view.x(start + own / 1000);
    if (x1 < 0 || x0 > view.width) continue;
    pen.fillStyle = tones[CALLS.lane[i]];
    pen.fillRect(x0, y, Math.max(x1 - x0, 0.6), tall);
    if (CALLS.error[i] && x1 - x0 > 0) { pen.fillStyle = BAD[theme()]; pen.fillRect(x0, y, Math.max(1.5, Math.min(x1 - x0, 4)), 4); }
  }
}
