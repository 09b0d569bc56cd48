package io.calm.artifact;

import com.google.gson.JsonParseException;
import io.calm.search.QuantPlan;

/**
 * A plan as JSON, for disk and for people. Reading gives back the plan that was written, to the
 * last bit of every score.
 */
public final class PlanJson {
  private PlanJson() {}

  /** Returns the plan as indented JSON; numbers that are not finite are strings. */
  public static String write(QuantPlan plan) {
    return Json.write(plan);
  }

  /**
   * Returns the plan that {@code json} was written from.
   *
   * @throws JsonParseException if it is not a plan, or lacks a field
   */
  public static QuantPlan read(String json) {
    return Json.read(json, QuantPlan.class);
  }
}
