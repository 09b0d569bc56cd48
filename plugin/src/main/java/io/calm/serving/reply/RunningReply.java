package io.calm.serving.reply;

import io.calm.checkpoint.TokenizerClosedException;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.Generation;
import io.calm.generate.GenerationListener;
import io.calm.generate.TokenScore;
import io.calm.serving.model.PendingAnswers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Passes the events of a request's sequences to its sink. Nothing is sent before the first token,
 * so an earlier error has its own status. The first sequence that fails ends the others.
 *
 * <p>Events arrive on the scheduler's thread. If a stream has a large prompt to show, they are
 * handled in order on the thread of {@link AnswerWriter}. {@link #cancel} may be called on any.
 */
final class RunningReply implements PreparedReply.Running {
  /** Estimated bytes of a token with its log-probability, and of its text in a whole answer. */
  static final long SCORE_BYTES = 256;

  /**
   * Number of tokens and alternatives from which an answer, or the prompt of a stream, is built on
   * a thread of its own.
   */
  static final int MANY = 4096;

  /** The header that names the plan which answered. */
  static final String VARIANT = "X-CALM-Variant";

  private static final Logger logger = LoggerFactory.getLogger(RunningReply.class);

  private final List<ReplySequence> sequences;
  private final ReplyFormat format;
  private final ReplySink sink;
  private final ServingPlan plan;
  private final ByteBudget.Charge charge;
  private final Duration waited;
  private long kept; // tokens and alternatives, of the prompts too
  private int open;
  private boolean started;
  private boolean begun;
  private boolean done;
  private long scored; // tokens and alternatives of the prompts; the scheduler's thread only
  private boolean apart; // whether events are handled by AnswerWriter; never reset
  private volatile boolean cancelled;
  private volatile List<? extends Generation> generations = List.of();

  /**
   * Creates a reply that has sent nothing.
   *
   * @param charge grows by the log-probabilities that the answer holds, and is closed at its end
   * @param waited time that the request has waited for its start
   */
  RunningReply(
      List<ReplySequence> sequences,
      ReplyFormat format,
      ReplySink sink,
      ServingPlan plan,
      ByteBudget.Charge charge,
      Duration waited) {
    this.sequences = sequences;
    this.format = format;
    this.sink = sink;
    this.plan = plan;
    this.charge = charge;
    this.waited = waited;
    this.open = sequences.size();
  }

  @Override
  public void cancel() {
    cancelled = true;
    generations.forEach(Generation::cancel);
  }

  @Override
  public void pause() {
    generations.forEach(Generation::pause);
  }

  @Override
  public void resume() {
    generations.forEach(Generation::resume);
  }

  /** Attaches the submitted generations, so that {@link #cancel} reaches them. */
  void submitted(List<? extends Generation> submitted) {
    generations = submitted;
    if (cancelled) {
      cancel();
    }
  }

  GenerationListener listener(ReplySequence sequence) {
    return new GenerationListener() {
      private long before;

      @Override
      public void promptRead(int cachedTokens) {
        handle(() -> sequence.promptRead(cachedTokens));
      }

      @Override
      public void prompt(List<TokenScore> scores, List<List<TokenScore>> top) {
        long more = scores.size() + top.stream().mapToLong(List::size).sum();
        handle(
            () -> {
              if (!done && holds(more)) {
                sequence.prompt(scores, top);
              }
            });
        scored += more;
        apart |= format.streamed() && scored >= MANY;
      }

      @Override
      public void token(GeneratedToken token) {
        plan.metrics().token(token.index(), token.elapsedNanos() - before);
        plan.latencies().token(token.index(), token.elapsedNanos() - before);
        before = token.elapsedNanos();
        handle(() -> add(sequence, token));
      }

      @Override
      public void finished(Finish finish) {
        record(finish);
        handle(() -> runOrFail(() -> finish(sequence, finish))); // none follows to report it
      }
    };
  }

  /** Handles an event here, or after the earlier ones on the thread of {@link AnswerWriter}. */
  private void handle(Runnable event) {
    if (apart) {
      runApart(event);
    } else {
      event.run(); // if it fails, its sequence ends with the error
    }
  }

  private void runApart(Runnable work) {
    PendingAnswers pending = plan.model().answers();
    pending.add();
    AnswerWriter.PROCESS.execute(
        () -> {
          try {
            runOrFail(
                () -> {
                  if (cancelled && !done) {
                    fail(
                        new ApiException(
                            ApiException.Kind.NOT_READY, "the generation was cancelled"));
                  }
                  work.run();
                });
          } finally {
            pending.remove();
          }
        });
  }

  private void runOrFail(Runnable work) {
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      unwritable(e);
    }
  }

  private void add(ReplySequence sequence, GeneratedToken token) {
    started();
    if (done) {
      return;
    }
    if (format.streamed()) {
      sequence.token(token.withoutTop());
      send(format.token(sequence, token));
    } else if (token.top().isEmpty() || holds(1L + token.top().size())) {
      kept++;
      sequence.token(token);
    }
  }

  private void finish(ReplySequence sequence, Finish finish) {
    sequence.finish(finish.reason());
    started();
    open--;
    if (!done) {
      end(sequence, finish);
    }
  }

  private void record(Finish finish) {
    plan.metrics()
        .finished(
            finish.reason().name(),
            finish.usage().promptTokens(),
            finish.usage().generatedTokens(),
            finish.timing().queued(),
            finish.timing().total());
    switch (finish.reason()) {
      case LENGTH, EOS_TOKEN, STOP_SEQUENCE -> {
        plan.metrics().completed(finish.usage().generatedTokens(), finish.timing().total());
        plan.latencies().completed(finish.usage().generatedTokens(), finish.timing().total());
      }
      case DEADLINE, ERROR, CANCELLED -> {}
    }
  }

  /** Returns the headers of an answer. */
  private Map<String, String> headers() {
    return Map.of(VARIANT, plan.variant());
  }

  /**
   * Charges for the log-probabilities that the answer keeps; ends it if the budget is exhausted.
   */
  private boolean holds(long more) {
    if (!charge.grow(more * SCORE_BYTES)) {
      fail(scoresFull(charge.max()));
      return false;
    }
    kept += more;
    return true;
  }

  /** Creates the error for log-probabilities beyond the common budget. */
  static ApiException scoresFull(long max) {
    return new ApiException(
        ApiException.Kind.QUEUE_FULL,
        ("logprobs: expected at most %d bytes of log-probabilities in all answers in flight, got"
                + " more; try again later, or ask for fewer tokens, choices or log-probabilities,"
                + " or for a stream")
            .formatted(max),
        Optional.of("logprobs"));
  }

  /** Creates the error for a request that has taken all of its time. */
  static ApiException timedOut(Duration taken) {
    return new ApiException(
        ApiException.Kind.DEADLINE,
        "the request timed out after %d ms; ask for fewer tokens or try again later"
            .formatted(taken.toMillis()));
  }

  private void started() {
    if (!started) {
      started = true;
      sink.started();
    }
  }

  private void end(ReplySequence sequence, Finish finish) {
    switch (finish.reason()) {
      case ERROR ->
          fail(
              new ApiException(
                  ApiException.Kind.INTERNAL, finish.error().orElse("the generation failed")));
      case DEADLINE -> fail(timedOut(waited.plus(finish.timing().total())));
      case CANCELLED ->
          fail(
              new ApiException(
                  ApiException.Kind.NOT_READY, "the generation was cancelled: model unloaded"));
      case LENGTH, EOS_TOKEN, STOP_SEQUENCE -> complete(sequence);
    }
  }

  private void complete(ReplySequence sequence) {
    if (format.streamed()) {
      send(format.finished(sequence));
      if (open == 0) {
        send(format.end(sequences));
        begin();
        done = true;
        charge.close();
        sink.end();
      }
    } else if (open == 0) {
      if (kept < MANY) {
        whole();
      } else {
        runApart(this::whole);
      }
    }
  }

  /** Sends the whole answer, which no longer changes, unless it has failed. */
  private void whole() {
    if (done) {
      return;
    }
    byte[] body = format.whole(sequences).getBytes(StandardCharsets.UTF_8);
    done = true;
    charge.close();
    sink.full(200, format.contentType(), headers(), body);
  }

  /** Ends an answer that could not be built, e.g. because its model was unloaded before. */
  private void unwritable(Throwable cause) {
    if (done) {
      logger.error("the end of an answer could not be sent", cause);
      return;
    }
    try {
      if (cause instanceof TokenizerClosedException) {
        fail(
            new ApiException(
                ApiException.Kind.NOT_READY,
                "the model was unloaded before its answer was written"));
      } else {
        logger.error("an answer could not be written", cause);
        fail(new ApiException(ApiException.Kind.INTERNAL, "the answer could not be written"));
      }
    } catch (RuntimeException | Error e) {
      logger.error("an error could not be sent", e);
    }
  }

  private void fail(ApiException error) {
    done = true;
    charge.close();
    cancel();
    started();
    if (begun) {
      sink.write(format.failed(error).getBytes(StandardCharsets.UTF_8));
      sink.end();
    } else {
      Errors.send(error, format.errors(), sink);
    }
  }

  private void send(String text) {
    if (!text.isEmpty()) {
      begin();
      sink.write(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  private void begin() {
    if (!begun) {
      begun = true;
      sink.begin(format.contentType(), headers());
    }
  }
}
