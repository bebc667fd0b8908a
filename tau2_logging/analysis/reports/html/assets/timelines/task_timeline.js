// One task on a canvas: a row for each role, more where its calls ran in parallel.
function taskTimeline(sim, calls, steps, pick) {
  const lanes = LANES.filter((lane) => ["agent", "tool", "user"].includes(lane) || calls.some((call) => call.lane === lane));
  const rows = [], items = [];
  for (const lane of lanes) {
    const mine = calls.filter((call) => call.lane === lane), slots = packed(mine), used = Math.min(12, Math.max(0, ...slots) + 1);
    mine.forEach((call, n) => items.push({ call, row: rows.length + Math.min(slots[n], 11) }));
    for (let n = 0; n < used; n++) rows.push(n ? "" : roleName(lane));
  }
  const rowHeight = rows.length > 24 ? 20 : 28;
  const painter = {
    name: "timeline of the task", rows: rows.length, rowHeight, gutter: 112, span: [sim.start, Math.max(sim.end, sim.start + 0.001)], relative: true,
    label: (row) => rows[row],
    paint: (pen, view) => paintTask(pen, view, items, steps, rows, rowHeight, sim.duration),
    hit: (row, moment, slack) => {
      const near = items.filter((one) => one.row === row && one.call.start - slack <= moment && moment <= one.call.end + slack);
      const best = near.sort((a, b) => distance(a.call, moment) - distance(b.call, moment))[0];
      return best ? { text: callText(sim, best.call), pick: () => pick(best.call.index) } : null;
    },
  };
  return zoomable(painter, AXIS + Math.min(rows.length * rowHeight + 4, 640)).element;
}

function distance(call, moment) { return Math.max(call.start - moment, moment - call.end, 0); }

function packed(calls) {
  const free = [];
  return calls.map((call) => {
    let slot = free.findIndex((end) => end <= call.start + 0.002);
    if (slot < 0) slot = free.length;
    free[slot] = call.end;
    return slot;
  });
}

function callText(sim, call) {
  const lines = [`${roleName(call.lane)}: ${call.name}`, `${show.ms(call.own)} from ${show.ms(call.start - sim.start)}`];
  if (call.step !== null) lines[0] += `, step ${call.step}`;
  if (call.failed) lines.push(`failed: ${word(CALLS, "error_type", call.index) ?? ""}`);
  const tokens = at(CALLS, "input_tokens", call.index);
  if (tokens !== null) lines.push(`${show.int(tokens)} tokens in, ${show.text(at(CALLS, "output_tokens", call.index))} out`);
  return lines.join("\n");
}

function paintTask(pen, view, items, steps, rows, rowHeight, length) {
  steps.filter((step) => step.end - step.start > length * 0.004).forEach((step, number) => {
    const x0 = view.x(step.start), x1 = view.x(step.end);
    if (x1 < 0 || x0 > view.width) return;
    if (number % 2 === 0) { pen.fillStyle = css("--soft"); pen.fillRect(x0, AXIS, x1 - x0, view.height); }
  });
  pen.fillStyle = css("--line");
  for (let row = 1; row < rows.length; row++) if (rows[row]) pen.fillRect(0, view.y(row), view.width, 1);
  const stripes = {};
  for (const { call, row } of items) {
    const x0 = view.x(call.start), x1 = view.x(call.end), y = view.y(row) + 4, tall = rowHeight - 8, wide = Math.max(x1 - x0, 2);
    if (x1 < 0 || x0 > view.width) continue;
    const tone = color(call.lane);
    pen.fillStyle = call.failed || call.lane === "waiting" || call.lane === "retry" ? stripes[tone] || (stripes[tone] = hatch(pen, tone)) : tone;
    pen.fillRect(x0, y, wide, tall);
    if (call.failed) { pen.fillStyle = BAD[theme()]; pen.fillRect(x0, y - 3, wide, 3); }
    const from = Math.max(x0, 114), room = Math.min(x1, view.width) - from - 8;
    if (room > 26 && !call.failed && call.lane !== "waiting" && call.lane !== "retry") {
      pen.fillStyle = inkOn(tone);
      pen.textBaseline = "middle";
      pen.fillText(shortened(pen, call.name, room), from + 4, y + tall / 2);
    }
  }
}

function inkOn(tone) {
  const [red, green, blue] = [1, 3, 5].map((n) => parseInt(tone.slice(n, n + 2), 16));
  return red * 0.299 + green * 0.587 + blue * 0.114 > 150 ? "#10151c" : "#ffffff";
}
