// Pages opened from the file system may not start a worker, so the search would not work there.
// This gives them one that runs in a hidden frame of the page, with the part of the interface that
// the search uses: postMessage, onmessage, message events, importScripts.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      frame.title = "search"
      document.body.append(frame)
      const inside = frame.contentWindow
      inside.postMessage = data => {
        const event = new MessageEvent("message", { data })
        this.dispatchEvent(event)
        if (this.onmessage) this.onmessage(event)
      }
      // A worker's importScripts waits; here each script is loaded in turn and the caller is told.
      inside.importScripts = (...urls) => urls.reduce(
        (before, next) => before.then(() => load(inside.document, new URL(next, url).href)),
        Promise.resolve())
      this.inside = inside
      this.ready = load(inside.document, new URL(url, location.href).href)
    }

    postMessage(data) {
      this.ready.then(() => {
        const event = new MessageEvent("message", { data })
        this.inside.dispatchEvent(event)
        if (this.inside.onmessage) this.inside.onmessage(event)
      })
    }
  }

  const load = (page, url) => new Promise((done, failed) => {
    const script = page.createElement("script")
    script.src = url
    script.onload = done
    script.onerror = failed
    page.body.append(script)
  })
}
