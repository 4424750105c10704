// A kiosk: warns when nobody touches it, then wipes itself; while somebody does, the server is told now and then.
// <section data-kiosk data-warn="60" data-wipe="90" data-here="/kiosk/here"> with [data-kiosk-warning], [data-kiosk-left]
// and <form data-kiosk-wipe>. Without scripts the page reloads itself and the server wipes.
const box = document.querySelector('[data-kiosk]')
const form = box.querySelector('[data-kiosk-wipe]')
const [warnAfter, wipeAfter] = [Number(box.dataset.warn), Number(box.dataset.wipe)]
const [warning, left, rest] = ['warning', 'left', 'rest'].map(name => box.querySelector(`[data-kiosk-${name}]`))
form.addEventListener('submit', () => sessionStorage.clear())
let touched = Date.now()
let told = Date.now()
let wiping = 0

const warn = now => {
  warning.hidden = !now
  rest.hidden = now
  box.classList.toggle('app-device--warns', now)
}
const touch = () => {
  touched = Date.now()
  warn(false)
  if (touched - told > 45000) {
    told = touched
    fetch(box.dataset.here, {method: 'POST', body: new URLSearchParams({csrf_token: form.elements.csrf_token.value})}).catch(() => {})
  }
}
// No "scroll": the warning itself makes a page scroll, and would then be taken for a person.
for (const kind of ['pointerdown', 'keydown', 'wheel', 'touchmove', 'input']) document.addEventListener(kind, touch, {passive: true})
// A page that comes back out of the browser's memory is somebody else's: ask the server again.
window.addEventListener('pageshow', event => { if (event.persisted) location.reload() })
setInterval(() => {
  const idle = (Date.now() - touched) / 1000
  if (idle >= wipeAfter) {
    // Once: another press would break off the first. Again only when nothing came of it, as when the network was away.
    if (Date.now() - wiping > 20000) {
      wiping = Date.now()
      form.requestSubmit()
    }
  } else if (idle >= warnAfter) {
    warn(true)
    left.textContent = String(Math.ceil(wipeAfter - idle))
  }
}, 1000)
