// What all explorables share: elements, what is set and how the address says it, things to drag,
// what a screen reader says, and the arithmetic of a network.
{
  const SVG = "http://www.w3.org/2000/svg"
  const ARROWS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }
  const PREFIX = "#explore?"
  const SETTLED = 250 // milliseconds without a change, after which the address and the screen reader follow

  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value)
      else if (value === true) element.setAttribute(name, "")
      else if (value !== false && value !== undefined) element.setAttribute(name, value)
    }
    element.append(...children)
    return element
  }

  // An element with attributes and children; an attribute that is a function listens to that event.
  const html = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children)
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children)

  const set = (element, attributes) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  }

  const clip = (value, low, high) => Math.min(high, Math.max(low, value))

  // Where a number lies from 0 to 1 between two others, in equal steps or in equal factors.
  const place = (value, low, high, factors = false) => factors
    ? Math.log(clip(value, low, high) / low) / Math.log(high / low)
    : (clip(value, low, high) - low) / (high - low)

  const count = number => number.toLocaleString("en")
  const share = (part, whole, digits = 1) =>
    whole > 0 ? `${(100 * part / whole).toFixed(digits)}%` : "–"
  // Three figures, as people write them.
  const short = number => Math.abs(number) >= 1000
    ? count(Math.round(number)) : String(Number(number.toPrecision(3)))

  // What is set in the explorables of this page, read from and written to the address:
  // page.html#explore?threshold.detector=knn&threshold.cutoff=0.5&threshold.hide=prices,rules
  let known = location.hash // the address as it was last read or written
  const noted = new Map() // what each explorable has set, by kind: only what is not as usual

  const fromAddress = kind => {
    if (!location.hash.startsWith(PREFIX)) return {}
    const all = new URLSearchParams(location.hash.slice(PREFIX.length))
    return Object.fromEntries([...all]
      .filter(([name]) => name.startsWith(`${kind}.`))
      .map(([name, value]) => [name.slice(kind.length + 1), value]))
  }

  const address = kind => {
    const all = new URLSearchParams()
    const others = [...noted.keys()].filter(other => other !== kind)
    for (const one of [kind, ...others]) { // the one last set comes first: there the page opens
      for (const [name, value] of Object.entries(noted.get(one) ?? {})) {
        all.set(`${one}.${name}`, value)
      }
    }
    return all.size ? `${PREFIX}${all.toString().replaceAll("%2C", ",")}` : ""
  }

  // What one explorable has set. `usual` gives names and the values they have at first; numbers
  // stay numbers. `valid` mends values that an address may hold and nothing can show; `show` draws.
  class State {
    constructor(kind, usual, valid, show) {
      Object.assign(this, { kind, usual, valid, show })
      this.values = { ...usual }
      window.addEventListener("hashchange", () => {
        known = location.hash
        if (location.hash.startsWith(PREFIX)) this.open() // and not for a heading
      })
    }

    open() {
      const wanted = fromAddress(this.kind)
      this.hidden = (wanted.hide ?? "").split(",").filter(Boolean)
      const values = { ...this.usual }
      for (const [name, value] of Object.entries(wanted)) {
        if (!Object.hasOwn(values, name)) continue
        const number = typeof values[name] === "number"
        if (!number || (value.trim() && Number.isFinite(Number(value)))) {
          values[name] = number ? Number(value) : value
        }
      }
      this.values = this.valid(values)
      this.note()
      this.show(this.values)
    }

    change(values) {
      this.values = this.valid({ ...this.values, ...values })
      this.show(this.values)
      clearTimeout(this.settling)
      this.settling = setTimeout(() => { // browsers limit how often
        if (location.hash === known) this.write() // else a link was followed: its event is to come
      }, SETTLED)
    }

    reset() {
      this.change(this.usual)
    }

    note() {
      const other = Object.entries(this.values).filter(([name, v]) => v !== this.usual[name])
      const hide = this.hidden.length ? [["hide", this.hidden.join(",")]] : []
      noted.set(this.kind, Object.fromEntries([...other, ...hide]))
    }

    write() {
      clearTimeout(this.settling)
      this.note()
      history.replaceState(null, "", address(this.kind) || location.pathname + location.search)
      known = location.hash
    }
  }

  // A frame in the place of the picture: parts that `hide=` in the address leaves out, buttons, and
  // words for the ear, said when nothing has changed for a moment.
  // parts: {name: element}; usual, valid: see State; show(values) returns the words.
  const begin = (holder, { kind, title, parts, usual, valid = values => values, show }) => {
    const said = html("p", { class: "said", role: "status" })
    const link = html("button", { type: "button" }, "Copy link")
    const live = html("div", { class: "live", role: "group", "aria-label": title })
    let telling, first = true
    const state = new State(kind, usual, valid, values => {
      for (const [name, part] of Object.entries(parts)) part.hidden = state.hidden.includes(name)
      const words = show(values)
      clearTimeout(telling)
      if (!first) telling = setTimeout(() => { said.textContent = words }, SETTLED)
      first = false
    })
    link.addEventListener("click", async () => {
      state.write()
      const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false)
      link.textContent = copied ? "Copied" : "It is in the address bar"
      setTimeout(() => { link.textContent = "Copy link" }, 2000)
    })
    const reset = html("button", { type: "button", click: () => state.reset() }, "Start again")
    live.append(html("p", { class: "title" }, title), ...Object.values(parts),
      html("p", { class: "foot" }, reset, link), said)
    state.open()
    for (const picture of holder.children) picture.hidden = true
    holder.append(live)
    const come = () => {
      if (location.hash.startsWith(`${PREFIX}${kind}.`)) live.scrollIntoView()
    }
    window.addEventListener("hashchange", come)
    come()
    return state
  }

  // Make an element a slider that keys and pointers move.
  // low, high, step: of its value; get(): the value; put(value): set it;
  // at(event): the value where a pointer is; words(): the value in words.
  const slider = (element, { label, low, high, step, get, put, at, words, vertical = false }) => {
    const tell = () => set(element, {
      "aria-valuenow": String(Number(get().toPrecision(6))), "aria-valuetext": words(),
    })
    const move = value => { put(clip(value, low, high)); tell() }
    set(element, {
      role: "slider", tabindex: 0, "aria-label": label, "aria-valuemin": low, "aria-valuemax": high,
      "aria-orientation": vertical ? "vertical" : "horizontal",
    })
    element.style.touchAction = vertical ? "pan-x" : "pan-y"
    element.addEventListener("keydown", event => {
      if (event.altKey || event.ctrlKey || event.metaKey) return
      const large = event.shiftKey ? 10 : 1
      if (event.key in ARROWS) move(get() + ARROWS[event.key] * step * large)
      else if (event.key === "PageUp") move(get() + 10 * step)
      else if (event.key === "PageDown") move(get() - 10 * step)
      else if (event.key === "Home") move(low)
      else if (event.key === "End") move(high)
      else return
      event.preventDefault()
    })
    drag(element, event => move(at(event)))
    return tell
  }

  // Call `move(event)` where a pointer goes down on an element and wherever it goes until it is up.
  const drag = (element, move) => {
    element.addEventListener("pointerdown", event => {
      if (event.button) return
      element.setPointerCapture(event.pointerId)
      element.focus({ preventScroll: true })
      move(event)
      event.preventDefault()
    })
    element.addEventListener("pointermove", event => {
      if (element.hasPointerCapture(event.pointerId)) move(event)
    })
    // Chromium heeds the touch-action of no part of an <svg>: without this, the page would scroll.
    element.addEventListener("touchstart", event => {
      if (element.ownerSVGElement && event.cancelable) event.preventDefault()
    }, { passive: false })
  }

  // Where a pointer is in the units of an <svg>.
  const point = (drawing, event) => {
    const at = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(drawing.getScreenCTM().inverse())
    return [at.x, at.y]
  }

  // Numbers that a data file holds in base64: little-endian, of 4 bytes, or of 2 (IEEE 754 binary16).
  const numbers = ({ bytes, half }) => {
    const raw = Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0))
    const view = new DataView(raw.buffer)
    if (!half) return Float32Array.from({ length: raw.length / 4 }, (_, i) => view.getFloat32(4 * i, true))
    return Float32Array.from({ length: raw.length / 2 }, (_, i) => {
      const bits = view.getUint16(2 * i, true)
      const sign = bits >> 15 ? -1 : 1, exponent = bits >> 10 & 31, rest = bits & 1023
      return sign * (exponent ? 2 ** (exponent - 15) * (1 + rest / 1024) : 2 ** -24 * rest)
    })
  }

  // Layers of a data file -> a function from an array of numbers to an array of numbers.
  const network = layers => {
    const read = layers.map(({ weights, bias, activation }) =>
      ({ weights: numbers(weights), bias: numbers(bias), activation }))
    return inputs => read.reduce((values, { weights, bias, activation }) => {
      const out = Float64Array.from(bias)
      values.forEach((value, i) => {
        for (let j = 0; j < out.length; j++) out[j] += value * weights[i * out.length + j]
      })
      return activation === "relu" ? out.map(value => Math.max(0, value)) : out
    }, Float64Array.from(inputs))
  }

  Object.assign(explorables, {
    begin, clip, count, drag, html, network, numbers, place, point, set, share, short, slider, svg,
  })
}
