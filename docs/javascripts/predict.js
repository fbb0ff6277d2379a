// A lesson asks for a guess before it shows what came: the reader writes one down, or skips it, and
// then reads on. Guesses stay in this browser. Without this script, everything is there to read.
{
  const KEY = "anomaly_lab.guesses"
  const EVERYTHING = "anomaly_lab.show-everything"
  const page = location.pathname.split("/").pop()
  const store = { // browsers may forbid it: then nothing is kept, and all works
    get: key => { try { return localStorage.getItem(key) } catch { return null } },
    set: (key, value) => { try { localStorage.setItem(key, value) } catch { /* as said */ } },
  }
  const known = () => { try { return JSON.parse(store.get(KEY)) ?? {} } catch { return {} } }

  const element = (tag, attributes, ...children) => {
    const made = document.createElement(tag)
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(name, value)
      else made.setAttribute(name, value)
    }
    made.append(...children)
    return made
  }

  // What follows a question, up to the next heading or question.
  const answerTo = question => {
    const answer = []
    for (let next = question.nextElementSibling; next; next = next.nextElementSibling) {
      if (next.matches("h2, h3, blockquote.predict") && answer.some(one => !one.matches("h2, h3"))) break
      answer.push(next)
    }
    return answer
  }

  const questions = [...document.querySelectorAll("blockquote.predict")].map((quote, i) => {
    const name = `${page}#${i + 1}`
    const answer = answerTo(quote)
    const field = element("textarea", { rows: 2, "aria-label": "Your guess", placeholder: "Your guess" })
    const button = (words, click) => element("button", { type: "button", click }, words)
    const form = element("div", { class: "guess" }, field, element("p", {},
      button("Keep it, and show", () => { if (field.value.trim()) keep(field.value.trim()); else field.focus() }),
      button("Skip", () => reveal()),
      button("Show everything, always", () => { store.set(EVERYTHING, "yes"); showAll() })))
    const said = element("p", { class: "said-before" })
    quote.append(form, said)

    const open = shown => { for (const one of answer) one.classList.toggle("to-come", !shown) }
    const reveal = () => { open(true); form.hidden = true }
    const tell = guess => {
      const change = button("Change it", () => { field.value = guess; form.hidden = false; said.hidden = true })
      said.replaceChildren(`You said: “${guess}” `, change)
      said.hidden = false
    }
    const keep = guess => {
      store.set(KEY, JSON.stringify({ ...known(), [name]: guess }))
      reveal()
      tell(guess)
      said.tabIndex = -1
      said.focus({ preventScroll: true })
    }

    said.hidden = true
    if (known()[name]) { reveal(); tell(known()[name]) }
    else if (store.get(EVERYTHING)) reveal()
    else open(false)
    return { answer, reveal }
  })

  const showAll = () => { for (const { reveal } of questions) reveal() }

  // A link into an answer shows it, and so does one to the setting of something to touch.
  const follow = () => {
    const explored = location.hash.startsWith("#explore?")
    const id = decodeURIComponent(location.hash.slice(1))
    for (const { answer, reveal } of questions) {
      const aim = explored ? "[data-explorable]" : id && `#${CSS.escape(id)}`
      if (aim && answer.some(one => one.matches(aim) || one.querySelector(aim))) {
        reveal()
        if (!explored) document.getElementById(id).scrollIntoView()
      }
    }
  }
  follow()
  window.addEventListener("hashchange", follow)
}
