package io.calm.loadtest.gatling;

import io.gatling.commons.stats.KO$;
import io.gatling.commons.stats.OK$;
import io.gatling.core.stats.StatsEngine;
import java.util.Optional;
import scala.Option;
import scala.collection.immutable.List$;

/** Writes rows into Gatling's report. Thread safe. */
public final class ResponseLog {
  private final StatsEngine engine;
  private final String scenario;

  ResponseLog(StatsEngine engine, String scenario) {
    this.engine = engine;
    this.scenario = scenario;
  }

  /**
   * Adds a row.
   *
   * @param fault what was wrong; empty where it was good
   */
  public void add(String name, long startMillis, long endMillis, Optional<String> fault) {
    engine.logResponse(
        scenario,
        List$.MODULE$.empty(),
        name,
        startMillis,
        endMillis,
        fault.isPresent() ? KO$.MODULE$ : OK$.MODULE$,
        Option.empty(),
        fault.<Option<String>>map(Option::apply).orElseGet(Option::empty));
  }
}
