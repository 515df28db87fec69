"""What a federation can teach under its promise, and the one recipe that follows from it, whatever the data."""

from shared.recipe.group_plan import GroupPlan, plan_groups
from shared.recipe.pair_plan import people_for_pairs
from shared.recipe.recipe import Facts, Overlay, participations, recipe

__all__ = ["Facts", "GroupPlan", "Overlay", "participations", "people_for_pairs", "plan_groups", "recipe"]
