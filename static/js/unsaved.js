// Asks before leaving a form with changes that were not sent. <form data-warn-unsaved>
for (const form of document.querySelectorAll('form[data-warn-unsaved]')) {
  let changed = false
  const warn = event => { if (changed) event.preventDefault() }
  form.addEventListener('input', () => { changed = true })
  form.addEventListener('submit', () => { changed = false })
  form.addEventListener('app:saved', () => { changed = false })
  addEventListener('beforeunload', warn)
}
