// Which score of a contact a view shows, where an org keeps several.
// Laws: what is chosen stands in the address, as every view does, and moves no focus; an org with one score is asked
// nothing; a profile that was never published has no score and is not offered.

import { $, el, show } from "./dom.js";

export const DEFAULT = "default";

export class ProfileChoice {
  // `id` is that of a select, within an element `<id>-choice`; `chosen` is told another profile and gives its address.
  constructor(app, id, chosen) {
    Object.assign(this, { app, id, profile: DEFAULT, drawn: "" });
    $(id).addEventListener("change", () => history.pushState(null, "", chosen($(id).value)));
  }

  // Shows what is chosen, then what the worker knows now.
  async show(profile) {
    this.profile = profile;
    this.draw();
    const { api } = this.app;
    const answer = await api.get("/scoring/profiles");
    if (api !== this.app.api || !answer.ok) return;
    this.app.profiles = answer.body.data.filter((one) => one.id === DEFAULT || one.version > 0);
    this.draw();
  }

  draw() {
    const known = this.app.profiles;
    const all = known.some((one) => one.id === this.profile) ? known : [...known, { id: this.profile }];
    const options = all.map((one) => [one.id, words(one, all)]);
    const select = $(this.id);
    if (this.drawn !== JSON.stringify(options)) {
      this.drawn = JSON.stringify(options);
      select.replaceChildren(...options.map(([value, text]) => Object.assign(el("option", "", text), { value })));
    }
    select.value = this.profile;
    show(`${this.id}-choice`, all.length > 1);
  }

  // Whether the profile that is shown is made of others.
  get derived() {
    return Boolean(this.app.profiles.find((one) => one.id === this.profile)?.published?.formula);
  }
}

function words(profile, all) {
  const name = profile.name ?? profile.id;
  const alike = all.some((one) => one !== profile && (one.name ?? one.id) === name);
  const off = profile.id !== DEFAULT && profile.published === null ? ", not published" : "";
  return `${name}${alike ? ` (${profile.id})` : ""}${off}`;
}
