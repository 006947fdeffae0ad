"""Menus of restaurants: the card in its documented JSON form, its versions, what phones are shown of it.

The model follows schema.org (`Menu`, `hasMenuSection`, `hasMenuItem`, `offers`, `menuAddOn`,
`suitableForDiet`) and the limits of Google's FoodMenus. `card` is the form; `allergens`, `diets` and
`currencies` its vocabularies; `judging` and `reading` say what is wrong with one; all of these are pure.
`fitting` and `ranking` say which menus around somebody come, and in which order, also purely; `around` finds
them. `menu_edits` writes, `projection` keeps what filters read, `showing` reads for phones.
"""
