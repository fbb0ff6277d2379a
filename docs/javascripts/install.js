// Lines that install the package name the wheel beside the pages, from wherever this page was opened:
// a school's own host or a folder on a stick.
for (const line of document.querySelectorAll("[data-wheel]"))
  line.textContent = `"${line.dataset.package} @ ${new URL(line.dataset.wheel, location.href)}"`
