// The calls of all simulations one after the other: column n holds the n-th call, a ribbon is how many went from one tool to the next.
const NODE = 12, GAP = 7;

function sankey({ run, domain, simulations, nodes, links }) {
  const columns = Math.max(...nodes.map(([column]) => column)) + 1, W = 1200, H = 420, head = 18;
  const most = Math.max(...Array.from({ length: columns }, (_, c) => nodes.filter(([column]) => column === c).length));
  const unit = (H - head - GAP * most) / simulations, step = (W - 150) / Math.max(columns - 1, 1);
  const next = new Array(columns).fill(head);
  const boxes = nodes.map(([column, tool, n]) => {
    const box = { x: column * step, y: next[column], height: Math.max(n * unit, 1), tool, n, out: 0, into: 0 };
    next[column] += box.height + GAP;
    return box;
  });
  const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${domain}: the first ${columns} calls of ${simulations} simulations` });
  for (let c = 0; c < columns; c++) svg.append(draw("text", { x: c * step, y: 10 }, c ? `call ${c + 1}` : "call 1"));
  for (const [from, to, n] of links) {
    const one = boxes[from], two = boxes[to], width = Math.max(n * unit, 0.7);
    const path = draw("path", { d: ribbon(one.x + NODE, one.y + one.out, two.x, two.y + two.into, width), class: "flow" });
    one.out += n * unit;
    two.into += n * unit;
    path.append(draw("title", {}, `${one.tool} \u2192 ${two.tool}: ${show.int(n)} of ${show.int(one.n)}`));
    svg.append(path);
  }
  for (const box of boxes) svg.append(nodeOf(box, Math.max(8, Math.floor(Math.min(step - NODE - 12, 150) / 6.7))));
  const of = [run, SEVERAL_DOMAINS || DATA.sankey.length > 1 ? domain : null].filter(Boolean).join(", ");
  return card(`${of ? `${of}: ` : ""}which call follows which`, svg,
    make("p", { class: "hint" }, `The agent's first ${columns} calls in ${show.int(simulations)} simulations that made any; height is the number of simulations. Gray: no further call.`));
}

// A name is cut to so many letters, so that it ends before the next column.
function nodeOf(box, letters) {
  const bar = draw("rect", { x: box.x, y: box.y, width: NODE, height: box.height, class: box.tool === "end" ? "node end" : "node" });
  bar.append(draw("title", {}, `${box.tool}: ${show.int(box.n)}`));
  const room = letters - String(box.n).length - 1, words = box.tool.length > room ? `${box.tool.slice(0, room - 1)}\u2026` : box.tool;
  return draw("g", {}, bar, box.height > 7 ? draw("text", { x: box.x + NODE + 4, y: box.y + box.height / 2 + 4, class: "tool" }, `${words} ${show.int(box.n)}`) : null);
}

function ribbon(x1, y1, x2, y2, width) {
  const middle = (x1 + x2) / 2;
  return `M${x1},${y1} C${middle},${y1} ${middle},${y2} ${x2},${y2} V${y2 + width} C${middle},${y2 + width} ${middle},${y1 + width} ${x1},${y1 + width} Z`;
}
