// The gallery's table of results: sort, filter, choose. The table is whole without this script.
// Everything chosen is in the address, so that a view can be linked to:
// gallery.html#results?figure=average_precision&sort=knn&order=descending
function chooseResults(table, form) {
  const body = table.tBodies[0]
  const heads = [...table.tHead.rows[0].cells]
  const rows = [...body.rows]
  const status = document.querySelector(".count")
  const usual = { figure: "roc_auc", training: "", kind: "", text: "" }
  let sort = "", order = ""

  const firstOrder = key => key === "set" || key === "training" ? "ascending" : "descending"
  const otherOrder = { ascending: "descending", descending: "ascending" }

  // What is chosen, as the address says it: nothing for what is as usual.
  const chosen = () => {
    const all = [...new FormData(form), ["sort", sort], ["order", sort && order]]
    return new URLSearchParams(all.filter(([name, value]) => value && value !== usual[name]))
  }

  const choose = address => {
    const wanted = new URLSearchParams(address)
    for (const field of form.elements) {
      const value = wanted.get(field.name) ?? usual[field.name]
      if (field.type === "radio") field.checked = field.value === value
      else if (field.type === "checkbox") field.checked = wanted.getAll(field.name).includes(field.value)
      else if (field.name) field.value = value
    }
    // An address may have been typed, or be of an older page: what there is not is as usual.
    for (const [name, value] of Object.entries(usual)) {
      if (!new FormData(form).has(name)) form.elements[name].value = value
    }
    sort = heads.map(head => head.dataset.key).find(key => key === wanted.get("sort")) ?? ""
    order = Object.hasOwn(otherOrder, wanted.get("order")) ? wanted.get("order") : firstOrder(sort)
  }

  // The number that a cell is sorted by, or its text; null where nothing is recorded.
  const valueOf = (row, key, figure) => {
    const cell = row.cells[heads.findIndex(head => head.dataset.key === key)]
    if (firstOrder(key) === "ascending") return cell.textContent.trim().toLowerCase()
    const holder = cell.querySelector(figure === "both" ? ".roc_auc" : `.${figure}`) ?? cell
    return "value" in holder.dataset ? Number(holder.dataset.value) : null
  }

  const sorted = figure => {
    if (!sort) return rows
    const sign = order === "descending" ? -1 : 1
    const values = new Map(rows.map(row => [row, valueOf(row, sort, figure)]))
    return [...rows].sort((a, b) => {
      const [left, right] = [values.get(a), values.get(b)]
      if (left === right) return 0
      if (left === null || right === null) return left === null ? 1 : -1
      return sign * (left < right ? -1 : 1)
    })
  }

  const show = () => {
    const { figure, training, kind, text } = Object.fromEntries(new FormData(form))
    const hidden = new FormData(form).getAll("hide")
    for (const row of rows) {
      const name = row.cells[0].textContent.toLowerCase()
      row.hidden = !(row.dataset.training.includes(training) && row.dataset.kind.includes(kind) &&
        name.includes(text.trim().toLowerCase()))
    }
    heads.forEach((head, i) => {
      const out = hidden.includes(head.dataset.key)
      for (const line of [table.tHead.rows[0], ...rows]) line.cells[i].hidden = out
      if (head.dataset.key === sort) head.setAttribute("aria-sort", order)
      else head.removeAttribute("aria-sort")
    })
    table.dataset.figure = figure
    body.append(...sorted(figure))
    const shown = rows.filter(row => !row.hidden).length
    const by = heads.find(head => head.dataset.key === sort)
    status.textContent = `${shown} of ${rows.length} rows` +
      (by ? `, sorted by ${by.textContent.replace("\u00ad", "").trim()}, ${order}.` : ".")
  }

  const changed = () => {
    show()
    const address = chosen().toString()
    history.replaceState(null, "", address ? `#results?${address}` : location.pathname + location.search)
  }

  const fromAddress = () => {
    if (!location.hash.startsWith("#results?")) return
    choose(location.hash.slice("#results?".length))
    show()
    form.scrollIntoView()
  }

  for (const head of heads) {
    const button = document.createElement("button")
    button.type = "button"
    button.append(...head.childNodes)
    head.append(button)
    button.addEventListener("click", () => {
      const key = head.dataset.key
      order = sort === key ? otherOrder[order] : firstOrder(key)
      sort = key
      changed()
    })
  }
  form.addEventListener("input", changed)
  form.addEventListener("submit", event => event.preventDefault())
  form.addEventListener("reset", event => {
    event.preventDefault()
    choose("")
    changed()
  })
  window.addEventListener("hashchange", fromAddress)
  form.hidden = false
  show()
  fromAddress()
}

if (document.getElementById("results")) {
  chooseResults(document.getElementById("results"), document.getElementById("choose"))
}
