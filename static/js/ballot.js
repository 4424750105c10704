// A ballot's live count or total, said politely a second after the last change. The form is whole without it.
//
// <form data-ballot data-most="5" data-least="1"> counts choices: "2 of 5 chosen".
// <form data-ballot data-limit="1000000"> adds up pence from each input's data-cost: "£3,200 of £10,000 left".
// <form data-ballot data-least="3"> has no most: "2 of at least 3 chosen: choose 1 more". data-pot (pence) shows in
// [data-money] what the choices cost together; data-elsewhere and data-elsewhere-cost are choices that a filter hides.
// Inside: [data-total] shown, [data-say] (aria-live) said, an optional <progress>, inputs [data-choice] (and data-cost).
const pounds = minor => new Intl.NumberFormat('en-GB', {style: 'currency', currency: 'GBP', minimumFractionDigits: minor % 100 ? 2 : 0, maximumFractionDigits: 2}).format(minor / 100)

for (const form of document.querySelectorAll('form[data-ballot]')) {
  const {limit, most, least, pot, elsewhere, elsewhereCost} = form.dataset
  const money = form.querySelector('[data-money]')
  const show = form.querySelector('[data-total]')
  const say = form.querySelector('[data-say]')
  const bar = form.querySelector('progress')
  let timer

  const state = () => {
    const chosen = [...form.querySelectorAll('input[data-choice]:checked, input[data-cost]:checked')]
    if (limit) {
      const left = Number(limit) - chosen.reduce((sum, box) => sum + Number(box.dataset.cost || 0), 0)
      return {
        over: left < 0,
        value: Number(limit) - Math.max(left, 0),
        text: left < 0 ? `${pounds(-left)} too much: take something out` : `${pounds(left)} of ${pounds(Number(limit))} left`
      }
    }
    const count = chosen.length + Number(elsewhere || 0)
    if (money) {
      const cost = chosen.reduce((sum, box) => sum + Number(box.dataset.cost || 0), Number(elsewhereCost || 0))
      money.textContent = `They cost ${pounds(cost)} together. The pot is ${pounds(Number(pot))}.`
    }
    if (!most) {
      const short = Number(least) - count
      return {over: false, value: Math.min(count, Number(least)), text: short > 0 ? `${count} of at least ${least} chosen: choose ${short} more` : `${count} chosen`}
    }
    const top = Number(most)
    let text = `${count} of ${top} chosen`
    if (count > top) text += `: take out ${count - top}`
    else if (least && count < Number(least)) text += `: choose at least ${least}`
    return {over: count > top, value: Math.min(count, top), text}
  }

  const update = announce => {
    const {over, value, text} = state()
    if (show) show.textContent = text
    form.classList.toggle('app-ballot--over', over)
    if (bar) bar.value = value
    for (const box of form.querySelectorAll('input[data-choice], input[data-cost]')) {
      box.closest('.app-ballot__item')?.classList.toggle('app-ballot__item--chosen', box.checked)
    }
    if (announce && say) {
      clearTimeout(timer)
      timer = setTimeout(() => { say.textContent = text }, 900)
    }
  }
  // The bar sticks from the first scroll or choice on, so that it covers nothing when the page opens.
  const live = () => form.classList.add('app-ballot--live')
  addEventListener('scroll', live, {once: true, passive: true})
  form.addEventListener('focusin', live, {once: true})
  form.addEventListener('change', () => { live(); update(true) })
  addEventListener('pageshow', () => update(false))
  update(false)
}
