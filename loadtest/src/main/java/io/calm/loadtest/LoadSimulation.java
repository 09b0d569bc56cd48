package io.calm.loadtest;

import static io.gatling.javaapi.core.CoreDsl.atOnceUsers;
import static io.gatling.javaapi.core.CoreDsl.constantConcurrentUsers;
import static io.gatling.javaapi.core.CoreDsl.constantUsersPerSec;
import static io.gatling.javaapi.core.CoreDsl.crashLoadGeneratorIf;
import static io.gatling.javaapi.core.CoreDsl.exec;
import static io.gatling.javaapi.core.CoreDsl.global;
import static io.gatling.javaapi.core.CoreDsl.nothingFor;
import static io.gatling.javaapi.core.CoreDsl.pause;
import static io.gatling.javaapi.core.CoreDsl.repeat;
import static io.gatling.javaapi.core.CoreDsl.scenario;

import io.calm.loadtest.gatling.AsyncStep;
import io.gatling.javaapi.core.ChainBuilder;
import io.gatling.javaapi.core.PopulationBuilder;
import io.gatling.javaapi.core.ScenarioBuilder;
import io.gatling.javaapi.core.Session;
import io.gatling.javaapi.core.Simulation;
import java.time.Duration;

/**
 * One run of the load test: reference requests without load, the load, and the check of the
 * results. System properties configure it (README.md). The run fails if a request fails or a claim
 * does not hold.
 */
public class LoadSimulation extends Simulation {
  /** Time after which the load runs, and short prompts are timed. */
  private static final Duration SETTLED = Duration.ofSeconds(2);

  private static final int WARM_UPS = 4;

  private final Options options = Options.of(System.getProperties());
  private final LoadTest test = new LoadTest(options);

  {
    Duration time = Duration.ofSeconds(options.seconds());
    PopulationBuilder verdict =
        scenario("verdict").exec(step("verdict", test::verdict)).injectOpen(atOnceUsers(1));
    PopulationBuilder load = load(time).andThen(verdict);
    PopulationBuilder alone = alone().injectOpen(atOnceUsers(1));
    setUp(options.baseline() ? alone.andThen(load, shortPrompts(time)) : alone.andThen(load))
        .assertions(global().failedRequests().count().is(0L));
  }

  private static ChainBuilder step(String name, AsyncStep.Body body) {
    return exec(new AsyncStep(name, body));
  }

  private ScenarioBuilder alone() {
    ChainBuilder crash =
        crashLoadGeneratorIf(session -> "a request alone has failed", Session::isFailed);
    ChainBuilder chain =
        step("warm-up", test::warmUp)
            .exec(crash)
            .exec(repeat(WARM_UPS).on(step("warm-up", test::warmUp)));
    if (options.mix().deck() > 0) {
      chain = chain.exec(repeat(options.mix().deck()).on(step("alone", test::learn)));
    }
    if (options.baseline()) {
      chain =
          chain
              .exec(repeat(options.singles()).on(step("one stream", test::single)))
              .exec(repeat(options.probes()).on(step("short prompt", test::unloadedProbe)));
    }
    return scenario("alone").exec(chain.exec(crash));
  }

  private PopulationBuilder load(Duration time) {
    ScenarioBuilder load = scenario("load").exec(step("answer", test::load));
    return options.profile() == Profile.OPEN
        ? load.injectOpen(constantUsersPerSec(options.rate()).during(time).randomized())
        : load.injectClosed(constantConcurrentUsers(options.users()).during(time));
  }

  private PopulationBuilder shortPrompts(Duration time) {
    Duration rest = time.minus(SETTLED).minus(SETTLED);
    ChainBuilder ask =
        pause(Duration.ofMillis(300), Duration.ofMillis(700))
            .exec(step("short prompt", test::loadedProbe));
    return scenario("short prompts")
        .during(rest)
        .on(ask)
        .injectOpen(nothingFor(SETTLED), atOnceUsers(1));
  }

  @Override
  public void after() {
    System.out.println();
    System.out.println(test.summary());
    System.out.println();
    test.writeResult();
    test.close();
  }
}
