// A point to drag around a curved cloud, and where PCA's line and an autoencoder's curve put it back.
{
  const { begin, clip, drag, html, network, point, set, svg } = explorables
  const NAMES = { pca: "PCA", autoencoder: "Autoencoder" }
  const KEYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }
  const STEP = 5 // grains that an arrow key moves the point
  const MARGIN = 0.25 // around the cloud, as a share of its larger side
  const BAR = 300
  const ENDS = { // in this order they lie on each other
    nearest: () => svg("circle", { class: "end nearest", r: 6 }),
    autoencoder: () => svg("path", { class: "end autoencoder", d: "M0 -7l7 7l-7 7l-7 -7z" }),
    pca: () => svg("path", { class: "end pca", d: "M-5 -5h10v10h-10z" }),
  }

  const every = (record, make) =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [name, make(name, value)]))
  const evenly = (low, high, n) => Array.from({ length: n + 1 }, (_, i) => low + (high - low) * i / n)
  const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1])
  const path = points => `M${points.map(at => at.join(" ")).join("L")}`

  // How much of the plane is shown, and its grain: the least step from one point to another.
  const frame = rows => {
    const sides = [0, 1].map(i => rows.map(row => row[i]))
      .map(values => [Math.min(...values), Math.max(...values)])
    const larger = Math.max(...sides.map(([low, high]) => high - low))
    const grain = 10 ** Math.floor(Math.log10(larger / 100))
    const digits = Math.max(0, -Math.round(Math.log10(grain)))
    const round = value => Number((Math.round(value / grain) * grain).toFixed(digits))
    const [x, y] = sides
      .map(([low, high]) => [round(low - MARGIN * larger), round(high + MARGIN * larger)])
    return { x, y, grain, digits, round }
  }

  // Where each model puts a point back, and all the places where it puts points of the frame.
  const models = ({ line: { mean, direction }, encoder, decoder, codes: [low, high] }, { x, y }) => {
    const [encode, decode] = [network(encoder), network(decoder)]
    const onLine = t => [mean[0] + t * direction[0], mean[1] + t * direction[1]]
    const back = {
      pca: at => onLine((at[0] - mean[0]) * direction[0] + (at[1] - mean[1]) * direction[1]),
      autoencoder: at => [...decode(encode(at))],
    }
    const grid = evenly(...x, 12).flatMap(a => evenly(...y, 12).map(b => [a, b]))
    const codes = grid.map(at => encode(at)[0])
    const curve = (from, to) => evenly(from, to, 200).map(code => [...decode([code])])
    const far = x[1] - x[0] + y[1] - y[0]
    return {
      back,
      line: [onLine(-far), onLine(far)],
      learnt: curve(low, high),
      beyond: [curve(Math.min(low, ...codes), low), curve(high, Math.max(high, ...codes))],
      longest: Math.max(...Object.values(back).flatMap(to => grid.map(at => distance(at, to(at))))),
    }
  }

  // The point of a chain of segments that is nearest to another.
  const nearest = (chain, to) => {
    let best = chain[0]
    for (let i = 1; i < chain.length; i++) {
      const [a, b] = [chain[i - 1], chain[i]]
      const [dx, dy] = [b[0] - a[0], b[1] - a[1]]
      const along = clip(((to[0] - a[0]) * dx + (to[1] - a[1]) * dy) / (dx * dx + dy * dy || 1), 0, 1)
      const at = [a[0] + along * dx, a[1] + along * dy]
      if (distance(at, to) < distance(best, to)) best = at
    }
    return best
  }

  // The round numbers, of one step for both axes, that lie well between two others.
  const ticks = ([low, high], span) => {
    const ten = 10 ** Math.floor(Math.log10(span / 4))
    const apart = ten * [5, 2, 1].find(n => n * ten <= span / 4)
    const [first, last] = [Math.ceil(low / apart + 0.2), Math.floor(high / apart - 0.2)]
    return evenly(first, last, last - first).map(n => Number((n * apart).toPrecision(6)))
  }

  // The plane. Its lines are in the units of the rows, and one matrix places them all.
  const draw = (rows, { x, y }, { line, learnt, beyond }, width) => {
    const scale = width / (x[1] - x[0])
    const height = Math.round(scale * (y[1] - y[0]))
    const pixel = ([a, b]) => [scale * (a - x[0]), scale * (y[1] - b)]
    const place = (element, at) => set(element, { transform: `translate(${pixel(at).join(" ")})` })
    const label = (value, attributes) => svg("text", attributes, String(value).replace("-", "\u2212"))
    const [across, up] = [x, y].map(side => ticks(side, x[1] - x[0]))
    const grid = [
      ...across.map(at => [[at, y[0]], [at, y[1]]]), ...up.map(at => [[x[0], at], [x[1], at]]),
    ]
    const residuals = every(ENDS, name => svg("line", { class: name }))
    const ends = every(ENDS, (name, make) => make())
    const plane = svg("g", { transform: `matrix(${scale} 0 0 ${-scale} ${pixel([0, 0]).join(" ")})` },
      svg("path", { class: "grid", d: grid.map(path).join("") }),
      svg("path", { class: "rows", d: rows.map(row => `M${row.join(" ")}h0`).join("") }),
      svg("path", { class: "pca", d: path(line) }),
      svg("path", { class: "autoencoder", d: path(learnt) }),
      svg("path", { class: "autoencoder beyond", d: beyond.map(path).join("") }),
      ...Object.values(residuals))
    const handle = svg("g",
      { role: "slider", "aria-roledescription": "2D slider", tabindex: 0, "aria-label": "Point",
        "aria-valuemin": x[0], "aria-valuemax": x[1] },
      svg("circle", { class: "grip", r: 22 }),
      svg("circle", { class: "ring", r: 9 }),
      svg("circle", { r: 3 }))
    const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}` }, plane,
      svg("g", { class: "ticks", "aria-hidden": "true" },
        ...across.map(at => label(at, { x: pixel([at, 0])[0], y: height - 5, "text-anchor": "middle" })),
        ...up.map(at => label(at, { x: 5, y: pixel([0, at])[1] - 4 }))),
      ...Object.values(ends), handle)
    return { drawing, plane, residuals, ends, handle, place }
  }

  const key = name =>
    svg("svg", { class: "key", viewBox: "-9 -9 18 18", "aria-hidden": "true" }, ENDS[name]())

  // How far a model puts a point back: a number, and a bar with a line at the cutoff.
  const measure = (name, cutoff, longest, digits) => {
    const wide = length => BAR * clip(length / longest, 0, 1)
    const bar = svg("rect", { class: name, y: 3, height: 10 })
    const length = html("b")
    const flag = html("span", { class: "quiet" })
    const element = html("div", {}, html("p", {}, key(name), NAMES[name], length, flag),
      svg("svg", { viewBox: `0 0 ${BAR} 16`, "aria-hidden": "true" },
        svg("rect", { class: "track", y: 3, width: BAR, height: 10 }), bar,
        svg("path", { class: "cutoff", d: `M${wide(cutoff)} 0v16` })))
    const show = value => {
      set(bar, { width: wide(value) })
      length.textContent = value.toFixed(digits)
      flag.textContent = value > cutoff ? "flagged" : "not flagged"
    }
    return { element, show }
  }

  explorables.kinds.line_and_curve = (holder, data) => {
    const { x, y, grain, digits, round } = frame(data.rows)
    const model = models(data, { x, y })
    const chain = [...model.beyond[0], ...model.learnt, ...model.beyond[1]]
    const wide = holder.clientWidth
    const width = wide < 560 ? Math.max(wide - 34, 260) : clip(0.55 * wide, 320, 480)
    const { drawing, plane, residuals, ends, handle, place } = draw(data.rows, { x, y }, model, width)
    const measures = every(NAMES, name => measure(name, data.cutoffs[name], model.longest, digits))
    const valid = values => ({ x: clip(round(values.x), ...x), y: clip(round(values.y), ...y) })
    const cutoffs = every(data.cutoffs, (name, cutoff) => cutoff.toFixed(digits))
    const nearer = html("b")
    const gap = html("p", {}, key("nearest"), "Nearest on its curve", nearer)
    const verdict = html("p", { class: "verdict" })
    const buttons = data.places.map(({ name, ...at }) =>
      [valid(at), html("button", { type: "button", click: () => state.change(at) }, name)])
    let typing // the field that is typed in: what stands there is left alone
    const fields = every({ x, y }, (name, [low, high]) => html("input", {
      type: "number", min: low, max: high, step: grain,
      input: event => {
        if (event.target.value === "") return
        typing = event.target
        state.change({ [name]: event.target.valueAsNumber })
        typing = undefined
      },
      change: () => show(state.values),
    }))

    const show = values => {
      const at = [values.x, values.y]
      const feet = { nearest: nearest(chain, at), ...every(model.back, (name, back) => back(at)) }
      const lengths = every(feet, (name, foot) => distance(at, foot))
      for (const [name, foot] of Object.entries(feet)) {
        set(residuals[name], { x1: at[0], y1: at[1], x2: foot[0], y2: foot[1] })
        place(ends[name], foot)
      }
      place(handle, at)
      for (const part of [residuals.nearest, ends.nearest]) part.toggleAttribute("hidden", gap.hidden)
      for (const [name, { show }] of Object.entries(measures)) show(lengths[name])
      nearer.textContent = lengths.nearest.toFixed(digits)
      for (const [name, input] of Object.entries(fields)) {
        if (input !== typing) input.value = values[name].toFixed(digits)
      }
      for (const [{ x, y }, button] of buttons) {
        set(button, { "aria-pressed": x === values.x && y === values.y })
      }
      const where = `x ${at[0].toFixed(digits)}, y ${at[1].toFixed(digits)}`
      set(handle, { "aria-valuenow": at[0], "aria-valuetext": where })
      const flags = every(data.cutoffs, (name, cutoff) => lengths[name] > cutoff)
      verdict.textContent = flags.pca === flags.autoencoder
        ? `${flags.pca ? "Both flag" : "Neither flags"} it.`
        : `Only ${flags.pca ? "PCA" : "the autoencoder"} flags it.`
      const { pca, autoencoder } = every(lengths, (name, length) => length.toFixed(digits))
      return `${where}, put back ${pca} away by PCA, ${autoencoder} by the autoencoder. ` +
        verdict.textContent
    }

    const to = event => {
      const [x, y] = point(plane, event)
      handle.focus({ preventScroll: true })
      state.change({ x, y })
    }
    drag(handle, to)
    drawing.addEventListener("click", to)
    handle.addEventListener("keydown", event => {
      if (!(event.key in KEYS) || event.altKey || event.ctrlKey || event.metaKey) return
      const [right, up] = KEYS[event.key].map(sign => sign * grain * STEP * (event.shiftKey ? 10 : 1))
      state.change({ x: state.values.x + right, y: state.values.y + up })
      event.preventDefault()
    })

    const state = begin(holder, {
      kind: "line_and_curve",
      title: "Drag the point: a line and a curve put it back",
      parts: {
        picture: html("div", { class: "plane" }, drawing, html("p", { class: "quiet" },
          "Dots: the rows both were fitted on. Dashes: the curve beyond them.")),
        lengths: html("div", { class: "lengths" }, ...Object.values(measures).map(({ element }) => element),
          html("p", { class: "quiet" }, "Lengths. 95% of held-back normal rows stay below the lines on the " +
            `bars: ${cutoffs.pca} for PCA, ${cutoffs.autoencoder} for the autoencoder.`)),
        nearest: gap,
        verdict,
        places: html("fieldset", {},
          html("legend", {}, "Put the point"), ...buttons.map(([, button]) => button)),
        fields: html("div", { class: "row" },
          ...Object.entries(fields).map(([name, input]) => html("label", {}, `${name} `, input))),
      },
      usual: valid(data.places[0]),
      valid,
      show,
    })
  }
}
