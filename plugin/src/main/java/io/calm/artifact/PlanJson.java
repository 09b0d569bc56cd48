package io.calm.artifact;

import com.google.gson.JsonParseException;
import io.calm.search.QuantPlan;

/** Converts a plan to JSON and back, exact to the last bit of every score. */
public final class PlanJson {
  private PlanJson() {}

  /** Returns the plan as indented JSON. Numbers that are not finite are strings. */
  public static String write(QuantPlan plan) {
    return Json.write(plan);
  }

  /**
   * Returns the plan that {@code json} describes.
   *
   * @throws JsonParseException if it is not a plan, or lacks a field
   */
  public static QuantPlan read(String json) {
    return Json.read(json, QuantPlan.class);
  }
}
