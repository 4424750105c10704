// A ballot's live count, points or places, said politely a second after the last change. The form is whole without it.
//
// <form data-ballot data-most="5" data-least="1"> counts choices: "2 of 5 chosen".
// <form data-ballot data-limit="1000000"> adds up pence from each input's data-cost: "£3,200 of £10,000 left".
// <form data-ballot data-least="3"> has no most: "2 of at least 3 chosen: choose 1 more". data-pot (pence) shows in
// [data-money] what the choices cost together; data-elsewhere ("1,1": their points or places) and data-elsewhere-cost are
// choices that a filter hides. data-kind="points" data-have="10": "7 of 10 points left", with buttons for one more and one
// less. data-kind="ranked": "2 of 3 places given". The words are those of grants/voting/rules/wording.py.
// Inside: [data-total] shown, [data-say] (aria-live) said, an optional <progress>, inputs [data-choice] (and data-cost),
// [data-points] (and data-each) or selects [data-place]. Where choices may be in few areas only: data-areas="1" on the form,
// data-elsewhere-in="E1 E2,E3" (the areas of those that a filter hides), and data-in="E1 E2" on each box.
const pounds = minor => new Intl.NumberFormat('en-GB', {style: 'currency', currency: 'GBP', minimumFractionDigits: minor % 100 ? 2 : 0, maximumFractionDigits: 2}).format(minor / 100)
const many = (size, word) => `${size} ${word}${size === 1 ? '' : 's'}`
const nth = place => place + (place % 100 > 10 && place % 100 < 14 ? 'th' : {1: 'st', 2: 'nd', 3: 'rd'}[place % 10] || 'th')
const value = box => {
  if (box.type === 'checkbox' || box.type === 'radio') return box.checked ? 1 : 0
  const number = Number(box.value.trim() || 0)
  return Number.isInteger(number) ? number : 0
}

// Whether so many areas hold them all: `sets` are the areas of each choice, none where it is for the whole place.
const held = (sets, most) => {
  const left = sets.filter(one => one.length).sort((a, b) => a.length - b.length)
  return !left.length || (most > 0 && left[0].some(area => held(left.filter(one => !one.includes(area)), most - 1)))
}

const words = (marks, {kind, have, most, least}) => {
  const count = marks.length
  const short = Number(least || 0) - count
  if (kind === 'points') {
    const left = Number(have) - marks.reduce((sum, points) => sum + points, 0)
    if (left < 0) return {over: true, value: Number(have), text: `${many(-left, 'point')} too many: take ${-left} back`}
    return {over: false, value: Number(have) - left, text: `${left} of ${many(Number(have), 'point')} left${short > 0 ? `: choose ${short} more` : ''}`}
  }
  if (kind === 'ranked') {
    const wrong = marks.sort((a, b) => a - b).findIndex((place, at) => place !== at + 1)
    if (wrong >= 0) {
      const twice = marks[wrong] < wrong + 1
      return {over: true, value: wrong, text: twice ? `Two are your ${nth(marks[wrong])} choice: change one` : `There is no ${nth(wrong + 1)} choice yet`}
    }
    return {over: false, value: count, text: `${count} of ${many(Number(most), 'place')} given${short > 0 ? `: place ${short} more` : ''}`}
  }
  if (!most) return {over: false, value: Math.min(count, Number(least) || 1), text: short > 0 ? `${count} of at least ${least} chosen: choose ${short} more` : `${count} chosen`}
  const top = Number(most)
  const note = count > top ? `: take out ${count - top}` : short > 0 ? `: choose ${short} more` : ''
  return {over: count > top, value: Math.min(count, top), text: `${count} of ${top} chosen${note}`}
}

for (const form of document.querySelectorAll('form[data-ballot]')) {
  const {limit, most, elsewhere, elsewhereCost, pot} = form.dataset
  const money = form.querySelector('[data-money]')
  const show = form.querySelector('[data-total]')
  const say = form.querySelector('[data-say]')
  const bar = form.querySelector('progress')
  const boxes = () => [...form.querySelectorAll('input[data-choice], input[data-cost], input[data-points], select[data-place]')]
  const hidden = (elsewhere || '').split(',').filter(Boolean).map(Number)
  let timer

  const state = () => {
    const chosen = boxes().filter(value)
    const cost = chosen.reduce((sum, box) => sum + Number(box.dataset.cost || 0), Number(elsewhereCost || 0))
    if (limit) {
      const left = Number(limit) - cost
      return {
        over: left < 0,
        value: Number(limit) - Math.max(left, 0),
        text: left < 0 ? `${pounds(-left)} too much: take something out` : `${pounds(left)} of ${pounds(Number(limit))} left`
      }
    }
    if (money) money.textContent = `${!cost ? '' : most === '1' ? `It costs ${pounds(cost)}. ` : `They cost ${pounds(cost)} together. `}The pot is ${pounds(Number(pot))}.`
    if (form.dataset.areas) {
      const areas = [...chosen.map(box => box.dataset.in || ''), ...(form.dataset.elsewhereIn || '').split(',')]
      const size = chosen.length + hidden.length
      if (!held(areas.map(one => one.split(' ').filter(Boolean)), Number(form.dataset.areas))) {
        return {over: true, value: size, text: `${size} chosen, in more than ${many(Number(form.dataset.areas), 'area')}: take some out`}
      }
    }
    // Where only one can be chosen, choosing here takes the place of one that a filter hides.
    return words([...chosen.map(value), ...(form.dataset.kind === 'choose_one' && chosen.length ? [] : hidden)], form.dataset)
  }

  const update = announce => {
    const {over, value: full, text} = state()
    if (show) show.textContent = text
    form.classList.toggle('app-ballot--over', over)
    if (bar) bar.value = full
    for (const box of boxes()) box.closest('.app-ballot__item')?.classList.toggle('app-ballot__item--chosen', value(box) > 0)
    if (announce && say) {
      clearTimeout(timer)
      timer = setTimeout(() => { say.textContent = text }, 900)
    }
  }

  // One more and one less, beside each number of points.
  const step = (box, by) => {
    const given = boxes().reduce((sum, one) => sum + value(one), 0) + hidden.reduce((sum, one) => sum + one, 0)
    const next = value(box) + by
    if (by > 0 && given >= Number(form.dataset.have)) {
      if (say) say.textContent = 'No points are left. Take one back from another project first.'
      return
    }
    if (next < 0 || next > Number(box.dataset.each || Infinity)) return
    box.value = next ? String(next) : ''
    form.dispatchEvent(new Event('change'))
  }
  for (const box of form.querySelectorAll('input[data-points]')) {
    const title = document.getElementById(`${box.id}-title`)?.textContent || ''
    for (const [by, sign, name] of [[-1, '−', 'One point less for'], [1, '+', 'One point more for']]) {
      const button = Object.assign(document.createElement('button'), {type: 'button', className: 'app-steps__button', textContent: sign})
      button.setAttribute('aria-label', `${name} ${title}`)
      button.addEventListener('click', () => step(box, by))
      box[by < 0 ? 'before' : 'after'](button)
    }
  }

  // The bar sticks from the first scroll or choice on, so that it covers nothing when the page opens.
  const live = () => form.classList.add('app-ballot--live')
  addEventListener('scroll', live, {once: true, passive: true})
  form.addEventListener('focusin', live, {once: true})
  form.addEventListener('change', () => { live(); update(true) })
  form.addEventListener('input', () => update(true))
  addEventListener('pageshow', () => update(false))
  update(false)
}
