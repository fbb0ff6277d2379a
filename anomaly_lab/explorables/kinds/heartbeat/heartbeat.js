// Heartbeats through a network, their scores on a line, and a cutoff to drag. The address has the
// beat by its number and the cutoff.
explorables.kinds.heartbeat = (holder, data) => {
  const { begin, clip, html, numbers, place, point, set, short, slider, svg } = explorables
  const { scores, labels } = data
  const beats = numbers(data.beats), rebuilt = numbers(data.rebuilt)
  const LENGTH = beats.length / scores.length
  const abnormal = labels.map(Boolean)
  const low = Math.min(...scores) / 1.3, high = Math.max(...scores) * 1.3
  const order = [...scores.keys()].sort((a, b) => scores[a] - scores[b])
  const total = { normal: abnormal.filter(is => !is).length, abnormal: abnormal.filter(Boolean).length }

  // The beat and what the network makes of it, both in the range of all beats.
  const PLOT = { width: 560, height: 170, edge: 8 }
  let least = Infinity, most = -Infinity
  for (const value of beats) { least = Math.min(least, value); most = Math.max(most, value) }
  const points = (values, i) => Array.from({ length: LENGTH }, (_, t) => [
    PLOT.edge + (PLOT.width - 2 * PLOT.edge) * t / (LENGTH - 1),
    PLOT.edge + (PLOT.height - 2 * PLOT.edge) * (1 - place(values[i * LENGTH + t], least, most)),
  ].map(at => at.toFixed(1)).join(" "))
  const lost = svg("path", { class: "lost" }), back = svg("path", { class: "back" })
  const beat = svg("path", { class: "beat" })
  const curves = svg("svg", {
    class: "curves", role: "img", viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, preserveAspectRatio: "none",
  }, lost, back, beat)

  // The scores: a mark a beat, those of nearly one score above each other.
  const TOP = 30
  const axis = svg("path", { class: "axis" })
  const marks = scores.map((_, i) => svg("path", {
    class: abnormal[i] ? "abnormal" : "normal", click: () => state.change({ beat: i + 1 }),
  }))
  const chosen = svg("circle", { class: "chosen", })
  const label = svg("text", { y: 12, "text-anchor": "middle" })
  const handle = svg("g", { class: "handle" })
  const ends = [["start", "like the others"], ["end", "unlike them"]].map(([anchor, words]) =>
    svg("text", { class: "quiet", "text-anchor": anchor }, words))
  const plane = svg("rect", { class: "reach" })
  const line = svg("svg", { class: "scores", role: "group", "aria-label": "Anomaly scores of the beats" },
    plane, axis, ...ends, ...marks, chosen, label, handle)
  const EDGE = 10
  let width = 0, spots = []
  const x = score => EDGE + (width - 2 * EDGE) * place(score, low, high, true)
  const score = at => low * (high / low) ** clip((at - EDGE) / (width - 2 * EDGE), 0, 1)

  const lay = wide => {
    width = wide
    const side = wide < 450 ? 4 : 6, r = side - 1
    const stacks = new Map()
    const levels = order.map(i => {
      const column = Math.round(x(scores[i]) / (2 * side))
      stacks.set(column, (stacks.get(column) ?? 0) + 1)
      return [i, stacks.get(column) - 1]
    })
    const base = TOP + 2 * side * Math.max(...stacks.values())
    for (const [i, level] of levels) spots[i] = [x(scores[i]), base - side - 2 * side * level]
    marks.forEach((mark, i) => {
      const [across, down] = spots[i].map(at => at.toFixed(1))
      set(mark, { d: abnormal[i]
        ? `M${across} ${down - side}l${side} ${1.8 * side}h${-2 * side}Z`
        : `M${across - r} ${down}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0` })
    })
    set(chosen, { r: side + 3 })
    set(line, { viewBox: `0 0 ${width} ${base + 28}` })
    set(axis, { d: `M0 ${base + 2}H${width}` })
    set(plane, { width, height: base + 28 })
    ends.forEach((end, which) => set(end, { x: which * width, y: base + 24 }))
    const middle = base + 2
    handle.replaceChildren(
      svg("rect", { class: "reach", x: -22, y: 16, width: 44, height: base + 4 }),
      svg("path", { d: `M0 18V${base + 2}` }), svg("circle", { cy: middle, r: 9 }),
      svg("path", { d: `M-2.5 ${middle - 3}l-3 3l3 3M2.5 ${middle - 3}l3 3l-3 3` }))
  }

  const counts = cutoff => {
    const flagged = scores.map(score => score > cutoff)
    return {
      found: flagged.filter((is, i) => is && abnormal[i]).length,
      alarms: flagged.filter((is, i) => is && !abnormal[i]).length,
    }
  }
  const verdict = cutoff => {
    const { found, alarms } = counts(cutoff)
    const words = `At this cutoff ${found} of ${total.abnormal} abnormal beats are flagged, and ` +
      `${alarms} of ${total.normal} normal ones with them.`
    if (found === total.abnormal && !alarms) return `${words} That is all of them and nothing else.`
    if (found === total.abnormal) return `${words} You find all of them. Can you pay less for it?`
    if (!alarms) return `${words} No false alarm. Can you miss fewer?`
    return words
  }

  const judged = html("p", { class: "verdict" }), seen = html("p", { class: "seen" })
  const step = by => {
    const at = order.indexOf(state.values.beat - 1)
    state.change({ beat: 1 + order[clip(at + by, 0, order.length - 1)] })
  }
  const buttons = [["Back", -1], ["Next", 1]].map(([words, by]) =>
    html("button", { type: "button", click: () => step(by) }, words))

  const tell = slider(handle, {
    label: "Cutoff", low: 0, high: 100, step: 1, // hundredths of the way, in equal factors
    get: () => 100 * place(state?.values.cutoff ?? data.cutoff, low, high, true),
    put: at => state.change({ cutoff: Number((low * (high / low) ** (at / 100)).toPrecision(6)) }),
    at: event => 100 * place(score(point(line, event)[0]), low, high, true),
    words: () => `${short(state?.values.cutoff ?? data.cutoff)}. ${verdict(state?.values.cutoff ?? data.cutoff)}`,
  })
  plane.addEventListener("click", event => {
    state.change({ cutoff: Number(score(point(line, event)[0]).toPrecision(6)) })
  })

  const show = values => {
    if (!width) lay(560)
    const i = values.beat - 1, above = scores[i] > values.cutoff
    const there = points(beats, i), returned = points(rebuilt, i)
    set(beat, { d: `M${there.join("L")}` })
    set(back, { d: `M${returned.join("L")}` })
    set(lost, { d: `M${there.join("L")}L${[...returned].reverse().join("L")}Z` })
    const words = `This beat is ${abnormal[i] ? "abnormal" : "normal"}. What the network gets wrong ` +
      `makes its score, ${short(scores[i])}: ${above ? "flagged" : "not flagged"}.`
    seen.textContent = words
    judged.textContent = verdict(values.cutoff)
    set(curves, { "aria-label": `${words} The filled area is what the network got wrong.` })
    follow(values)
    return `${words} ${judged.textContent}`
  }
  const follow = values => {
    const [across, down] = spots[values.beat - 1]
    set(chosen, { cx: across, cy: down })
    const at = x(values.cutoff)
    set(handle, { transform: `translate(${at.toFixed(1)})` })
    label.textContent = `cutoff ${short(values.cutoff)}`
    set(label, { x: clip(at, 34, width - 34) })
    marks.forEach((mark, i) => mark.classList.toggle("flagged", scores[i] > values.cutoff))
  }

  const usual = { beat: 1 + order.at(-3), cutoff: Number(data.cutoff.toPrecision(6)) }
  const swatch = (name, words) => html("span", { class: `swatch ${name}` }, words)
  let state
  const parts = {
    beat: html("div", {}, seen, curves, html("p", { class: "row" },
      swatch("beat", "the beat"), swatch("back", "rebuilt by the network"))),
    scores: html("div", {}, line, html("p", { class: "row" },
      swatch("normal", "normal"), swatch("abnormal", "abnormal"), ...buttons)),
    verdict: judged,
  }
  state = begin(holder, {
    kind: "heartbeat", title: "Which beats do not belong?", parts, usual, show,
    valid: ({ beat, cutoff }) => ({
      beat: Number.isInteger(beat) && beat >= 1 && beat <= scores.length ? beat : usual.beat,
      cutoff: clip(cutoff, low, high),
    }),
  })
  tell()
  new ResizeObserver(() => {
    const wide = Math.round(line.getBoundingClientRect().width)
    if (!wide || wide === width) return
    lay(wide)
    follow(state.values)
  }).observe(line)
}
