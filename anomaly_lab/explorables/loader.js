// Brings an explorable to life when it comes near the window: until then, and without scripts, the
// picture in its place is all there is. Data and scripts come as files that a page opened from the
// disk may load too, which JSON and modules may not be. The scripts add what they can to `kinds`;
// each data file puts its JSON into `data`.
const explorables = { kinds: {}, data: {} }

if (document.querySelector("[data-explorable]")) {
  const here = document.currentScript.src
  const needs = { bottleneck: ["pixels"], draw: ["pixels"], threshold: ["charts"] } // what a kind builds on
  const loading = {}

  const load = path => loading[path] ??= new Promise((loaded, failed) => {
    const script = document.createElement("script")
    script.addEventListener("load", loaded)
    script.addEventListener("error", () => failed(new Error(`${path} cannot be loaded`)))
    script.src = new URL(path, here)
    document.head.append(script)
  })

  const style = () => loading.style ??= new Promise(done => {
    const link = document.createElement("link")
    link.rel = "stylesheet"
    link.href = new URL("../stylesheets/explorables.css", here)
    for (const event of ["load", "error"]) link.addEventListener(event, done)
    document.head.append(link)
  })

  const waiting = new Set(document.querySelectorAll("[data-explorable]"))

  const start = async holder => {
    waiting.delete(holder)
    near.unobserve(holder)
    const name = holder.dataset.explorable
    const kind = holder.id
    await Promise.all([style(), load("explorables/shared.js")])
    const scripts = [kind, ...needs[kind] ?? []].map(one => load(`explorables/${one}.js`))
    await Promise.all([...scripts, load(`../explorables/${name}.js`)])
    explorables.kinds[kind](holder, explorables.data[name])
    holder.classList.add("alive")
  }

  const near = new IntersectionObserver(entries => {
    for (const entry of entries.filter(entry => entry.isIntersecting)) start(entry.target)
  }, { rootMargin: "600px" })

  // At once, where the address says how it is set: that of the page, or of a link in it.
  const startNamed = () => {
    for (const holder of waiting) if (location.hash.includes(`${holder.id}.`)) start(holder)
  }
  startNamed()
  for (const holder of waiting) near.observe(holder)
  window.addEventListener("hashchange", startNamed)
}
