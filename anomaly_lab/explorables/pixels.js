// Images of 8 by 8 pixels, for the explorables that have some: shown, chosen among, compared.
{
  const { clip, html, network, numbers, set, short } = explorables
  const SIDE = 8
  const INK = 16 // the value of a white pixel in the data
  const MAT = 128 // grey, as the lessons' images have it
  const HEAT = [[0, 0, 0], [213, 94, 0], [255, 240, 200]] // the darker, the less lost
  const TICKS = [0, 0.1, 0.4, 1]

  // Colours as red, green and blue.
  const grey = value => Array(3).fill(255 * clip(value, 0, 1))

  // They go with the root of a squared error: small ones would all look alike otherwise.
  const heat = squared => {
    const at = 2 * Math.sqrt(clip(squared, 0, 1)), from = at < 1 ? 0 : 1
    return HEAT[from].map((part, i) => part + (at - from) * (HEAT[from + 1][i] - part))
  }

  const css = colour => `rgb(${colour.map(Math.round)})`

  // An image on a mat, and a function that gives it pixels and words.
  const image = colour => {
    const side = SIDE + 2
    const element = html("canvas", { class: "pixels", width: side, height: side, role: "img" })
    const context = element.getContext("2d")
    const drawn = context.createImageData(side, side)
    for (let i = 0; i < side * side; i++) drawn.data.set([MAT, MAT, MAT, 255], 4 * i)
    const draw = (values, words) => {
      for (let i = 0; i < SIDE * SIDE; i++) {
        const line = 1 + Math.floor(i / SIDE), column = 1 + i % SIDE
        drawn.data.set(colour(values[i]), 4 * (line * side + column))
      }
      context.putImageData(drawn, 0, 0)
      set(element, { "aria-label": words })
    }
    return { element, draw }
  }

  // Buttons of which one is pressed, and a function that says which.
  // options: [{ value, content, words }], where words say what the content does not.
  const choice = (legend, options, put) => {
    const buttons = options.map(({ value, content, words }) =>
      html("button", { type: "button", "aria-label": words, title: words, click: () => put(value) },
        content))
    const tell = chosen => buttons.forEach((button, i) =>
      set(button, { "aria-pressed": options[i].value === chosen }))
    return { element: html("fieldset", {}, html("legend", {}, legend), ...buttons), buttons, tell }
  }

  // The images of a data file as buttons.
  const gallery = (legend, rows, put) => {
    const chosen = choice(legend, rows.map(({ name, pixels }) => {
      const { element, draw } = image(grey)
      draw(pixels.map(ink => ink / INK), "")
      set(element, { "aria-hidden": true })
      return { value: name, content: element, words: name }
    }), put)
    chosen.element.classList.add("gallery")
    return chosen
  }

  // What the colours of an error mean.
  const scale = () => html("div", { class: "scale" },
    html("div", { class: "colours", style: `background: linear-gradient(90deg, ${HEAT.map(css)})` }),
    ...TICKS.map((tick, i) => html("span", { style: `left: ${100 * Math.sqrt(tick)}%` },
      i === TICKS.length - 1 ? `≥ ${tick}` : String(tick))))

  // Squared errors by pixel, their mean, and in words where the largest is.
  const compare = (row, rebuilt) => {
    const errors = Float64Array.from(row, (value, i) => (value - rebuilt[i]) ** 2)
    const largest = Math.max(...errors), at = errors.indexOf(largest)
    const where = `line ${1 + Math.floor(at / SIDE)}, column ${1 + at % SIDE}`
    return {
      errors, score: errors.reduce((sum, error) => sum + error, 0) / errors.length,
      words: `Squared error of each pixel, at most ${short(largest)}, in ${where}`,
    }
  }

  // PCA's data -> a function from a row to its nearest point on the plane of the components.
  const plane = data => {
    const mean = numbers(data.mean), components = numbers(data.components)
    const axes = Array.from({ length: components.length / mean.length }, (_, i) =>
      components.subarray(i * mean.length, (i + 1) * mean.length))
    return row => axes.reduce((point, axis) => {
      const along = axis.reduce((sum, part, i) => sum + part * (row[i] - mean[i]), 0)
      return point.map((value, i) => value + along * axis[i])
    }, Float64Array.from(mean))
  }

  // A network's data -> a function from a row to its reconstruction.
  const autoencoder = ({ encoder, decoder }) => network([...encoder, ...decoder])

  Object.assign(explorables, {
    INK, SIDE, autoencoder, choice, compare, css, gallery, grey, heat, image, plane, scale,
  })
}
