package io.calm.loadtest;

import io.calm.loadtest.client.Answer;
import io.calm.loadtest.client.Ask;
import io.calm.loadtest.client.StreamingClient;
import io.calm.loadtest.figures.Claim;
import io.calm.loadtest.figures.Outcome;
import io.calm.loadtest.figures.Recorder;
import io.calm.loadtest.gatling.ResponseLog;
import io.calm.loadtest.server.MemoryLog;
import io.calm.loadtest.server.Observer;
import io.calm.loadtest.server.Scrape;
import io.calm.loadtest.work.Range;
import io.calm.loadtest.work.Workload;
import io.calm.loadtest.work.Workload.Request;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The steps of a run as Gatling scenarios: record the reference answers and the speed of one
 * stream, apply the load, check the results. Thread safe.
 */
final class LoadTest implements AutoCloseable {
  private static final Range PROBE_WORDS = new Range(8, 8);
  private static final Range PROBE_TOKENS = new Range(4, 4);
  private static final long IDLE_TIMEOUT_MILLIS = 5_000;

  private final Options options;
  private final Workload workload;
  private final StreamingClient client;
  private final Observer server;
  private final MemoryLog memory = new MemoryLog();
  private final Iterator<Ask> deck;
  private final Figures figures;
  private final AtomicLong loadStart = new AtomicLong();

  LoadTest(Options options) {
    this.options = options;
    this.workload = new Workload(options.mix());
    this.client = new StreamingClient(options.target());
    this.server = new Observer(options.metrics(), options.target().apiKey(), options.serverPid());
    this.deck = workload.deck().iterator();
    this.figures = new Figures(options, memory);
  }

  /** A request that is not timed: connections, caches and compilers warm up. */
  CompletionStage<Boolean> warmUp(ResponseLog log) {
    return ask("warm-up", new Recorder(), Request.patient(workload.fresh()), log);
  }

  /** The next reference request, alone. */
  CompletionStage<Boolean> learn(ResponseLog log) {
    Ask ask = deck.next();
    figures.learned().started();
    return client
        .send(ask, Request.patient(ask).hangUpAfter())
        .thenApply(
            answer -> {
              Outcome outcome = Outcome.of(answer, Optional.empty());
              figures.learned().ended(answer, outcome, false);
              workload.learn(ask, answer);
              log(log, "alone", answer, outcome);
              return outcome.fault().isEmpty();
            });
  }

  /** One stream of the load's kind, alone. */
  CompletionStage<Boolean> single(ResponseLog log) {
    return ask("one stream", figures.single(), Request.patient(workload.fresh()), log);
  }

  /** A short prompt, alone. */
  CompletionStage<Boolean> unloadedProbe(ResponseLog log) {
    return ask("short prompt, alone", figures.unloaded(), Request.patient(probe()), log);
  }

  /** A short prompt, beside the load. */
  CompletionStage<Boolean> loadedProbe(ResponseLog log) {
    return ask("short prompt, under load", figures.loaded(), Request.patient(probe()), log);
  }

  /** A request of the load. */
  CompletionStage<Boolean> load(ResponseLog log) {
    if (loadStart.compareAndSet(0, System.nanoTime())) {
      memory.start(server);
    }
    return ask("answer", figures.load(), workload.next(), log);
  }

  private Ask probe() {
    return workload.fresh(PROBE_WORDS, PROBE_TOKENS);
  }

  private CompletionStage<Boolean> ask(
      String name, Recorder recorder, Request request, ResponseLog log) {
    recorder.started();
    return client
        .send(request.ask(), request.hangUpAfter())
        .thenApply(
            answer -> {
              Optional<String> expected = workload.expected(request.ask());
              Outcome outcome = Outcome.of(answer, expected);
              recorder.ended(answer, outcome, expected.isPresent());
              log(log, name, answer, outcome);
              return outcome.fault().isEmpty();
            });
  }

  private static void log(ResponseLog log, String name, Answer answer, Outcome outcome) {
    long start = answer.startMillis();
    String row = outcome instanceof Outcome.HungUp ? name + ", hung up" : name;
    log.add(row, start, start + TimeUnit.NANOSECONDS.toMillis(answer.nanos()), outcome.fault());
    answer
        .firstTokenNanos()
        .ifPresent(
            nanos ->
                log.add(
                    name + ", first token",
                    start,
                    start + TimeUnit.NANOSECONDS.toMillis(nanos),
                    Optional.empty()));
  }

  /** Waits for requests in flight and for an idle server, then evaluates the claims. */
  CompletionStage<Boolean> verdict(ResponseLog log) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            awaitEnds();
            memory.close();
            figures.end(loadStart.get(), idle());
            boolean all = true;
            long now = System.currentTimeMillis();
            for (Claim claim : figures.claims()) {
              log.add(
                  claim.name(),
                  now,
                  now,
                  claim.holds() ? Optional.empty() : Optional.of(claim.detail()));
              all &= claim.holds();
            }
            return all;
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
          }
        });
  }

  private void awaitEnds() throws InterruptedException {
    long end = System.nanoTime() + options.target().timeout().toNanos();
    while (figures.load().open() + figures.loaded().open() > 0 && System.nanoTime() < end) {
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  /** Returns the metrics as soon as nothing runs, or as they are after a timeout. */
  private Optional<Scrape> idle() throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(IDLE_TIMEOUT_MILLIS);
    Optional<Scrape> scrape = server.scrape();
    while (scrape.isPresent() && !Figures.isIdle(scrape.get()) && System.nanoTime() < end) {
      TimeUnit.MILLISECONDS.sleep(100);
      scrape = server.scrape();
    }
    return scrape;
  }

  /** Returns the summary. */
  String summary() {
    return figures.summary();
  }

  /** Writes the figures to the file that the command names, if it does and there are any. */
  void writeResult() {
    options.result().ifPresent(file -> figures.result().ifPresent(result -> result.write(file)));
  }

  @Override
  public void close() {
    client.close();
    memory.close();
  }
}
