// Saves a draft a moment after the last key: one request at a time, and it says honestly what happened.
//
// <form data-autosave="/where/to/post" data-saved="Saved at" data-failed="Not saved: …"> with a [data-autosave-status] (role=status).
// The address answers 2xx to a POST of the same form with Accept: application/json, and keeps even what is not complete.
for (const form of document.querySelectorAll('form[data-autosave]')) {
  const status = form.querySelector('[data-autosave-status]')
  const saved = form.dataset.saved || 'Saved at'
  const failed = form.dataset.failed || 'Not saved yet. Keep this page open; we will try again when you type.'
  const body = () => {
    const data = new FormData(form)
    for (const [name, value] of [...data]) if (value instanceof File) data.delete(name)
    return data
  }
  const key = data => JSON.stringify([...data])
  let timer
  let busy = false
  let dirty = false
  let last = key(body())

  const save = async () => {
    if (busy) { dirty = true; return }
    const data = body()
    if (key(data) === last) return
    busy = true
    try {
      const answer = await fetch(form.dataset.autosave, {method: 'POST', body: data, headers: {Accept: 'application/json'}, redirect: 'error'})
      if (!answer.ok) throw new Error(String(answer.status))
      last = key(data)
      form.dispatchEvent(new CustomEvent('app:saved'))
      if (status) status.textContent = `${saved} ${new Date().toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit'})}`
    } catch {
      if (status) status.textContent = failed
    }
    busy = false
    if (dirty) { dirty = false; save() }
  }

  let sending = false
  form.addEventListener('submit', () => { sending = true; clearTimeout(timer) })
  form.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(save, 1500) })
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden' && !sending && key(body()) !== last) navigator.sendBeacon(form.dataset.autosave, body())
  })
}
