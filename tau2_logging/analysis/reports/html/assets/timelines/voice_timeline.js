// A voice simulation on a canvas: a lane for either side, what both said at once, and the tool calls; audio time.
const VOICES = DATA.voice || {};  // by number of the simulation
const SIDES = ["user", "agent"];
const SPOKEN_AS = { turn: "in turn", interruption: "interruption", backchannel: "backchannel", vocal_tic: "with a noise of the speaker", non_directed: "to somebody else" };

function voiceCard(index) {
  const voice = VOICES[index];
  if (!voice) return null;
  return card("Speech, in audio time", voiceTimeline(voice), legendOf(["user", "agent", "tool"].filter((lane) => lane !== "tool" || voice.tools.length)),
    make("p", { class: "hint" }, "What a caller hears, counted in ticks; how long the computer took is another matter. Striped: begun while the other side spoke. Red: both speak."));
}

function voiceTimeline(voice) {
  const names = ["user", "agent", "both"], items = voice.speech.map((one) => spoken(one));
  items.push(...overlaps(items));
  if (voice.tools.length) {
    names.push("tools");
    items.push(...voice.tools.map(([name, start, length, error, who]) => ({ row: 3, start, end: start + length, lane: "tool", failed: error, text: `tool: ${name}${error ? ", failed" : ""}\nasked by the ${who === "user" ? "user" : "agent"} at ${show.ms(start)}`, name })));
  }
  const rowHeight = 30;
  const painter = {
    name: "who spoke when", rows: names.length, rowHeight, gutter: 64, span: [0, Math.max(voice.audio, 1)], label: (row) => names[row],
    paint: (pen, view) => paintVoice(pen, view, items, names.length, rowHeight),
    hit: (row, moment, slack) => { const one = items.find((item) => item.row === row && item.start - slack <= moment && moment <= item.end + slack); return one ? { text: one.text } : null; },
  };
  return zoomable(painter, AXIS + names.length * rowHeight + 4).element;
}

function spoken([side, kind, start, length, overlap, answered, response, yielded, yielding]) {
  const lines = [`${side}: ${SPOKEN_AS[kind] || kind}`, `${show.ms(length)} from ${show.ms(start)} of audio time`];
  if (overlap) lines.push(`${show.ms(overlap)} of it at the same time as the other side`);
  if (answered !== null) lines.push(answered ? `answered after ${show.ms(response)}` : "not answered");
  if (yielded !== null) lines.push(yielded ? `the other side stopped after ${show.ms(yielding)}` : "the other side went on");
  return { row: SIDES.indexOf(side), start, end: start + length, lane: side, striped: kind !== "turn", text: lines.join("\n") };
}

function overlaps(items) {
  const user = items.filter((one) => one.row === 0), agent = items.filter((one) => one.row === 1), both = [];
  for (const one of user) for (const other of agent) {
    const start = Math.max(one.start, other.start), end = Math.min(one.end, other.end);
    if (start < end) both.push({ row: 2, start, end, lane: "both", text: `both speak\n${show.ms(end - start)} from ${show.ms(start)} of audio time` });
  }
  return both;
}

function paintVoice(pen, view, items, rows, rowHeight) {
  pen.fillStyle = css("--line");
  for (let row = 1; row < rows; row++) pen.fillRect(0, view.y(row), view.width, 1);
  const stripes = {};
  for (const one of items) {
    const x0 = view.x(one.start), wide = Math.max(view.x(one.end) - x0, 1.5), y = view.y(one.row) + 5, tall = rowHeight - 10;
    if (x0 + wide < 0 || x0 > view.width) continue;
    const tone = one.lane === "both" ? BAD[theme()] : color(one.lane);
    pen.fillStyle = one.striped ? stripes[tone] || (stripes[tone] = hatch(pen, tone)) : tone;
    pen.fillRect(x0, y, wide, tall);
    if (one.failed) { pen.fillStyle = BAD[theme()]; pen.fillRect(x0, y - 3, wide, 3); }
    const from = Math.max(x0, view.x(view.low)) + 4;
    if (one.name && wide > 60) { pen.fillStyle = inkOn(tone); pen.textBaseline = "middle"; pen.fillText(shortened(pen, one.name, x0 + wide - from - 4), from, y + tall / 2); }
  }
}
