// An image to paint, and what an autoencoder and PCA make of it. The address has the image by its
// name in the data, or its pixels from the top left as digits of base 17.
explorables.kinds.draw = (holder, data) => {
  const { INK, SIDE, autoencoder, begin, choice, clip, compare, css, drag, gallery } = explorables
  const { grey, heat, html, image, place, plane, scale, set, short, svg } = explorables
  const INKS = [16, 12, 8, 4, 0]
  const CELLS = SIDE * SIDE
  const WITHIN = 20 // a gauge reaches from the cutoff divided by this to as many times the cutoff
  const WAYS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }

  const written = pixels => pixels.map(ink => ink.toString(INK + 1)).join("")
  const pictures = new Map(data.rows.map(({ name, pixels }) => [name, written(pixels)]))
  const names = new Map([...pictures].map(([name, text]) => [text, name]))
  const usual = { picture: data.rows[0].name, ink: INK }
  let pixels // as they are set, from 0 to 16

  const valid = ({ picture, ink }) => {
    const known = pictures.has(picture) || /^[0-9a-g]{64}$/.test(picture)
    return {
      picture: known ? names.get(picture) ?? picture : usual.picture,
      ink: INKS.includes(ink) ? ink : usual.ink,
    }
  }

  // What a method makes of the image, and on which side of its cutoff the score lies.
  const method = (title, cutoff, rebuild) => {
    const out = image(grey), lost = image(heat)
    const score = html("p", { class: "score" }), side = html("p")
    const mark = svg("svg", { class: "mark moves", viewBox: "-6 -6 12 12" },
      svg("circle", { r: 5 }), svg("path", { d: "M 0 -6 L 6 5 H -6 Z" }))
    const gauge = html("div", { class: "gauge", role: "meter", "aria-label": `Score of ${title}` },
      html("p", {}, `cutoff ${short(cutoff)}`),
      html("div", { class: "line" }, html("div", { class: "cutoff" }), mark),
      html("div", { class: "ends" }, html("span", {}, `÷ ${WITHIN}`), html("span", {}, `× ${WITHIN}`)))
    set(gauge, { "aria-valuemin": 0, "aria-valuemax": 1 })
    const draw = row => {
      const rebuilt = rebuild(row), error = compare(row, rebuilt)
      const above = error.score > cutoff
      const words = above ? "above the cutoff, flagged" : "below the cutoff, not flagged"
      out.draw(rebuilt, `Reconstruction by ${title}`)
      lost.draw(error.errors, error.words)
      score.textContent = `score ${short(error.score)}`
      side.textContent = above ? "flagged" : "not flagged"
      mark.style.left = `${100 * place(error.score, cutoff / WITHIN, cutoff * WITHIN, true)}%`
      mark.classList.toggle("above", above)
      set(gauge, {
        "aria-valuenow": Number(error.score.toPrecision(7)),
        "aria-valuetext": `${short(error.score)}, ${words}`,
      })
      return `${title}: score ${short(error.score)}, ${words}`
    }
    const titled = (text, picture) => html("div", {}, html("p", {}, text), picture.element)
    const element = html("div", { class: "method", role: "group", "aria-label": title },
      html("p", { class: "name" }, title), titled("reconstruction", out),
      titled("squared error", lost), html("div", { class: "judged" }, score, side, gauge))
    return { element, draw }
  }

  // The grid: one cell can be reached by the tab key, the arrows lead to the others.
  const cells = Array.from({ length: CELLS }, () => html("div", { role: "gridcell", tabindex: -1 }))
  const lines = Array.from({ length: SIDE }, (_, line) =>
    html("div", { role: "row" }, ...cells.slice(line * SIDE, (line + 1) * SIDE)))
  const grid = html("div", {
    class: "paper", role: "grid",
    "aria-label": "Image: arrow keys move, space paints, plus and minus add and take ink",
  }, ...lines)
  let reached = 0
  cells[reached].tabIndex = 0
  grid.addEventListener("focusin", event => {
    cells[reached].tabIndex = -1
    reached = cells.indexOf(event.target)
    cells[reached].tabIndex = 0
  })

  const paint = (painted, ink) => {
    const wanted = [...pixels]
    for (const cell of painted) wanted[cell] = ink
    state.change({ picture: written(wanted) })
  }

  grid.addEventListener("keydown", event => {
    const line = Math.floor(reached / SIDE), column = reached % SIDE
    if (event.key in WAYS) {
      const [down, right] = WAYS[event.key]
      cells[clip(line + down, 0, SIDE - 1) * SIDE + clip(column + right, 0, SIDE - 1)].focus()
    } else if (event.key === " " || event.key === "Enter") paint([reached], state.values.ink)
    else if (event.key === "+") paint([reached], Math.min(INK, pixels[reached] + 1))
    else if (event.key === "-") paint([reached], Math.max(0, pixels[reached] - 1))
    else return
    event.preventDefault()
  })

  // A quick pointer jumps over cells: those between are painted as well.
  let before
  drag(grid, event => {
    const { left, top, width, height } = grid.getBoundingClientRect()
    const at = [(event.clientX - left) * SIDE / width, (event.clientY - top) * SIDE / height]
    const from = event.type === "pointerdown" ? at : before
    const steps = Math.max(1, Math.ceil(2 * Math.hypot(at[0] - from[0], at[1] - from[1])))
    const passed = Array.from({ length: steps + 1 }, (_, i) =>
      from.map((start, axis) => Math.floor(start + (at[axis] - start) * i / steps)))
      .filter(place => place.every(part => part >= 0 && part < SIDE))
      .map(([column, line]) => line * SIDE + column)
    before = at
    if (!passed.length) return
    cells[passed.at(-1)].focus({ preventScroll: true })
    paint(passed, state.values.ink)
  })

  const show = ({ picture, ink }) => {
    const wanted = [...pictures.get(picture) ?? picture].map(digit => parseInt(digit, INK + 1))
    wanted.forEach((ink, i) => {
      if (ink === pixels?.[i]) return
      cells[i].style.background = css(grey(ink / INK))
      set(cells[i], { "aria-label":
        `line ${1 + Math.floor(i / SIDE)}, column ${1 + i % SIDE}: ink ${ink} of ${INK}` })
    })
    pixels = wanted
    galleryChoice.tell(picture)
    inkChoice.tell(ink)
    const row = pixels.map(ink => ink / INK)
    const words = methods.map(method => method.draw(row))
    return words.filter((_, i) => !methods[i].element.hidden).join("; ")
  }

  const galleryChoice = gallery("Begin from", data.rows, picture => state.change({ picture }))
  const inkChoice = choice("Ink", INKS.map(ink =>
    ({ value: ink, content: ink, words: `ink ${ink} of ${INK}` })), ink => state.change({ ink }))
  inkChoice.buttons.forEach((button, i) => {
    button.style.background = css(grey(INKS[i] / INK))
    button.style.color = INKS[i] < INK / 2 ? "white" : "black"
  })
  const clear = html("button", {
    type: "button", click: () => state.change({ picture: "0".repeat(CELLS) }),
  }, "Clear")
  inkChoice.element.append(clear)
  const methods = [
    method("autoencoder", data.cutoff, autoencoder(data)),
    method("PCA", data.pca.cutoff, plane(data.pca)),
  ]
  const state = begin(holder, {
    kind: "draw", title: "Paint an image, and see what comes back", usual, valid, show,
    parts: {
      pictures: galleryChoice.element,
      paint: html("div", { class: "paint" }, html("div", { class: "sheet" },
        html("p", { class: "quiet" }, "Drag, or arrow keys and space."), grid),
      inkChoice.element),
      autoencoder: methods[0].element,
      pca: methods[1].element,
      scale: html("div", { class: "legend" }, html("p", {}, "squared error of a pixel"), scale()),
    },
  })
}
