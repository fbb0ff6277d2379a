// A digit, its code as bars to drag, and what the decoder draws of it, for bottlenecks of several
// widths. A bar shows a unit in standard deviations from its mean over the fitting rows. The
// address has a changed code as steps away from the encoder's, in standard deviations too.
explorables.kinds.bottleneck = (holder, data) => {
  const { INK, begin, choice, clip, compare, gallery, grey, heat, html, image } = explorables
  const { network, scale, short, slider } = explorables
  const ACROSS = 8 // bars side by side: as many as a phone has room for
  const REACH = 4 // of a bar, where no row of the data needs more

  const rows = new Map(data.rows.map(({ name, pixels }) => [name, pixels.map(ink => ink / INK)]))
  const widths = data.networks.map(({ width }) => width)
  const usual = { width: widths.includes(8) ? 8 : widths[0], row: data.rows[0].name, code: "" }
  let now // the bars as they are set, as they were encoded, and the steps between

  // A network, read when it is first asked for, with its bars.
  const opened = {}
  const open = width => opened[width] ??= read(data.networks[widths.indexOf(width)])
  const read = ({ width, encoder, decoder, mean, spread }) => {
    const encode = network(encoder), draw = network(decoder)
    const codes = new Map([...rows].map(([name, pixels]) =>
      [name, encode(pixels).map((number, k) => (number - mean[k]) / spread[k])]))
    const reach = Math.ceil(Math.max(REACH, ...[...codes.values()].flatMap(code =>
      [...code].map(Math.abs))))
    const bars = mean.map((_, k) => bar(k, width, reach))
    const style = `--across: ${Math.min(width, ACROSS)}; --reach: ${reach}`
    return {
      codes, reach, bars,
      decode: code => draw(code.map((number, k) => mean[k] + number * spread[k])),
      drawn: html("div", { class: "bars", style }, ...bars.map(({ element }) => element)),
    }
  }

  const bar = (k, width, reach) => {
    const fill = html("div", { class: "fill" }), start = html("div", { class: "start" })
    const figure = html("span", { "aria-hidden": "true" })
    const track = html("div", { class: "track" }, html("div", { class: "band" }), fill, start)
    const tell = slider(track, {
      label: `Unit ${k + 1} of ${width}`, low: -reach, high: reach, step: 0.1, vertical: true,
      get: () => now.code[k],
      put: value => state.change({ code: now.steps.with(k, value - now.encoded[k]).join(",") }),
      at: event => {
        const { bottom, height } = track.getBoundingClientRect()
        return reach * (2 * (bottom - event.clientY) / height - 1)
      },
      words: () => {
        const step = now.steps[k], away = `${Math.abs(step)} ${step > 0 ? "more" : "less"} than encoded`
        return `${now.code[k].toFixed(2)} standard deviations, ${step ? away : "as encoded"}`
      },
    })
    let drawn
    const draw = (value, encoded) => {
      if (drawn === `${value} ${encoded}`) return
      drawn = `${value} ${encoded}`
      const height = of => 50 + 50 * of / reach // percent, from the bottom
      fill.style.bottom = `${Math.min(50, height(value))}%`
      fill.style.height = `${Math.abs(height(value) - 50)}%`
      start.style.bottom = `${height(encoded)}%`
      const tenths = Math.round(10 * value), sign = ["−", "", "+"][1 + Math.sign(tenths)]
      figure.textContent = sign + (Math.abs(tenths) / 10).toFixed(1)
      tell()
    }
    return { element: html("div", { class: "unit" }, track, figure), draw }
  }

  // Steps as numbers of two decimals, none of which leads off the axis.
  const stepsOf = ({ width, row, code }) => {
    const { codes, reach } = open(width)
    const wanted = code.split(",").map(Number)
    const usable = wanted.length === width && wanted.every(Number.isFinite)
    return Array.from(codes.get(row), (encoded, k) => usable && clip(Math.round(100 * wanted[k]),
      Math.ceil(100 * (-reach - encoded)), Math.floor(100 * (reach - encoded))) / 100 || 0)
  }

  const valid = values => {
    const width = widths.includes(values.width) ? values.width : usual.width
    const row = rows.has(values.row) ? values.row : usual.row
    const steps = stepsOf({ width, row, code: values.code })
    return { width, row, code: steps.some(Boolean) ? steps.join(",") : "" }
  }

  const show = ({ width, row, code }) => {
    const { codes, decode, bars, drawn } = open(width)
    const encoded = codes.get(row), steps = stepsOf({ width, row, code })
    now = { encoded, steps, code: encoded.map((value, k) => value + steps[k]) }
    const pixels = rows.get(row), rebuilt = decode(now.code)
    const { errors, score, words } = compare(pixels, rebuilt)
    const before = `as encoded ${short(compare(pixels, decode(encoded)).score)}`
    widthChoice.tell(width)
    rowChoice.tell(row)
    if (frame.firstChild !== drawn) frame.replaceChildren(drawn)
    bars.forEach((bar, k) => bar.draw(now.code[k], encoded[k]))
    into.draw(pixels, row)
    out.draw(rebuilt, code ? "What the decoder draws of the changed code" : `${row}, rebuilt`)
    lost.draw(errors, words)
    numbers.textContent = `code: ${width} ${width === 1 ? "number" : "numbers"}`
    mse.textContent = `mean ${short(score)}`
    unturned.textContent = before
    return `${row} through a bottleneck of ${width}: mean squared error ${short(score)}, ` +
      (code ? before : "as encoded")
  }

  const widthChoice = choice("Bottleneck", widths.map(width => ({ value: width, content: width })),
    width => state.change({ width })) // a code of another length is none
  const rowChoice = gallery("Digit", data.rows, row => state.change({ row, code: "" }))
  const [into, out, lost] = [grey, grey, heat].map(image)
  const numbers = html("p"), mse = html("p"), unturned = html("p", { class: "quiet" })
  const frame = html("div", { class: "frame" })
  const part = (name, title, ...children) => html("div", { class: name }, title, ...children)
  widthChoice.element.classList.add("width")
  const state = begin(holder, {
    kind: "bottleneck", title: "A digit through the bottleneck", usual, valid, show,
    parts: {
      width: widthChoice.element,
      digit: rowChoice.element,
      row: part("in", html("p", {}, "row"), into.element),
      code: part("code", numbers, frame,
        html("p", { class: "quiet" }, "Drag a bar. Bars: standard deviations (sd) from the mean of " +
          "the fitting rows, shaded up to 2. Line: as encoded."),
        html("button", { type: "button", click: () => state.change({ code: "" }) }, "As encoded")),
      reconstruction: part("out", html("p", {}, "reconstruction"), out.element),
      error: part("lost", html("p", {}, "squared error"), lost.element, scale(), mse, unturned),
    },
  })
}
