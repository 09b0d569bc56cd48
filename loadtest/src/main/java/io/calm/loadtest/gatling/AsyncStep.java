package io.calm.loadtest.gatling;

import com.typesafe.scalalogging.Logger;
import com.typesafe.scalalogging.Logger$;
import io.gatling.core.action.Action;
import io.gatling.core.session.Session;
import io.gatling.core.stats.StatsEngine;
import io.gatling.core.structure.ScenarioContext;
import io.gatling.javaapi.core.ActionBuilder;
import java.util.concurrent.CompletionStage;
import org.slf4j.LoggerFactory;

/** A scenario step that completes with a future and blocks no thread. */
public final class AsyncStep implements ActionBuilder {
  private final String name;
  private final Body body;

  /** The work of a step. */
  @FunctionalInterface
  public interface Body {
    /** Starts it; the result says whether all was well. What it throws is a crash of the row. */
    CompletionStage<Boolean> run(ResponseLog log);
  }

  public AsyncStep(String name, Body body) {
    this.name = name;
    this.body = body;
  }

  @Override
  public io.gatling.core.action.builder.ActionBuilder asScala() {
    return (ScenarioContext context, Action next) ->
        new StepAction(name, body, context.coreComponents().statsEngine(), next);
  }

  private static final class StepAction implements Action {
    private static final Logger LOGGER =
        Logger$.MODULE$.apply(LoggerFactory.getLogger(AsyncStep.class));

    private final String name;
    private final Body body;
    private final StatsEngine engine;
    private final Action next;

    StepAction(String name, Body body, StatsEngine engine, Action next) {
      this.name = name;
      this.body = body;
      this.engine = engine;
      this.next = next;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    @SuppressWarnings("FutureReturnValueIgnored") // the next action is what follows
    public void execute(Session session) {
      try {
        body.run(new ResponseLog(engine, session.scenario()))
            .whenComplete((good, failure) -> goOn(session, failure == null && good, failure));
      } catch (RuntimeException e) {
        goOn(session, false, e);
      }
    }

    private void goOn(Session session, boolean good, Throwable failure) {
      if (failure != null) {
        engine.logRequestCrash(session.scenario(), session.groups(), name, String.valueOf(failure));
      }
      next.$bang(good ? session : session.markAsFailed());
    }

    @Override
    public Logger logger() {
      return LOGGER;
    }

    /** The trait's way to set what {@link #logger} returns. */
    @Override
    public void com$typesafe$scalalogging$StrictLogging$_setter_$logger_$eq(Logger logger) {}
  }
}
