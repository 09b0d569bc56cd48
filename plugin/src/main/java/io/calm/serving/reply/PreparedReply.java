package io.calm.serving.reply;

import io.calm.checkpoint.TokenizerClosedException;
import io.calm.compare.ShadowShare;
import io.calm.generate.Finish;
import io.calm.generate.GenerationRequest;
import io.calm.generate.RejectedException;
import io.calm.generate.SamplingParameters;
import io.calm.metrics.ModelMetrics;
import io.calm.serving.model.ServedModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** A validated and tokenized request that has not been queued. */
public final class PreparedReply {
  /**
   * Maximum number of log-probability alternatives in one answer: about 100 MiB, or one choice of
   * 128k tokens.
   */
  static final long MAX_ALTERNATIVES = 3_000_000;

  private final ServedModel model;
  private final TextRequest request;
  private final Function<String, ModelMetrics> metrics;
  private final ByteBudget scores;
  private final long arrived;

  /** A reply in flight. */
  public interface Running {
    /** Cancels the generation because the client has hung up. Any thread; does not wait. */
    void cancel();

    /** Pauses the generation while its answer is not read. Any thread; does not wait. */
    void pause();

    /** Resumes after {@link #pause}. */
    void resume();
  }

  /**
   * Combines the parsed request with its model.
   *
   * @param metrics meters of a variant of the model
   * @param scores memory of the log-probabilities of all answers in flight
   * @param arrived {@link System#nanoTime} at which the request arrived
   */
  public PreparedReply(
      ServedModel model,
      TextRequest request,
      Function<String, ModelMetrics> metrics,
      ByteBudget scores,
      long arrived) {
    this.model = model;
    this.request = request;
    this.metrics = metrics;
    this.scores = scores;
    this.arrived = arrived;
  }

  /** Returns the model that the request was prepared for. */
  public ServedModel model() {
    return model;
  }

  /** Returns the shape of an error that occurs before the answer begins. */
  public ErrorBody errors() {
    return request.format().errors();
  }

  /** Answers with an error instead of starting; its generations count as rejected. */
  public void refuse(ApiException error, ReplySink sink) {
    countRejected(metrics.apply(model.current().variant()));
    Errors.send(error, errors(), sink);
  }

  /** Returns whether the answer is sent token by token. */
  public boolean streamed() {
    return request.format().streamed();
  }

  /**
   * Queues the request. Its answer goes to the sink on the scheduler's thread, or on that of {@link
   * AnswerWriter} if it is large, on one at a time. The uniform twin answers a share of the
   * requests, if the model has one; the model answers those that the twin refuses. If another model
   * has replaced the one that the request was prepared for, that one answers. The timeout counts
   * from the arrival, so it includes the waits in queues before this call.
   *
   * @throws ApiException if the scheduler rejects it, or its timeout has passed already; the sink
   *     is then unused
   */
  public Running start(ReplySink sink) {
    requireFewAlternatives();
    Duration waited = Duration.ofNanos(System.nanoTime() - arrived);
    ServedModel answering = model.current();
    requireInTime(answering, waited);
    while (true) {
      ServingPlan plan = ofModel(answering);
      try {
        return twin(sink, answering, waited).orElseGet(() -> start(sink, plan, waited));
      } catch (RejectedException e) {
        if (e.reason() != RejectedException.Reason.CLOSED || !answering.isReplaced()) {
          throw rejected(plan, e);
        }
        answering = answering.current(); // the swap came in between
      } catch (TokenizerClosedException e) {
        countRejected(plan.metrics());
        throw ApiException.unloading(model.name());
      }
    }
  }

  /** Starts the request on the uniform twin, if its turn has come and it accepts. */
  private Optional<Running> twin(ReplySink sink, ServedModel answering, Duration waited) {
    Optional<ShadowShare.Twin> twin = answering.comparison().shadow().next();
    if (twin.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(start(sink, ofTwin(answering, twin.get()), waited));
    } catch (RejectedException e) {
      answering.comparison().shadow().refused(e);
      return Optional.empty();
    }
  }

  /** Refuses a request whose timeout passed before it was started. */
  private void requireInTime(ServedModel answering, Duration waited) {
    if (left(waited).filter(time -> time.isNegative() || time.isZero()).isPresent()) {
      ModelMetrics meters = metrics.apply(answering.variant());
      for (int i = 0; i < sequences(); i++) {
        meters.finished(Finish.Reason.DEADLINE.name(), 0, 0, waited, waited);
      }
      throw RunningReply.timedOut(waited);
    }
  }

  /** Returns what a wait leaves of the timeout; empty if there is none. */
  private Optional<Duration> left(Duration waited) {
    return model.limits().requestTimeout().map(timeout -> timeout.minus(waited));
  }

  private void countRejected(ModelMetrics meters) {
    for (int i = 0; i < sequences(); i++) {
      meters.rejected();
    }
  }

  private int sequences() {
    return request.prompts().size() * request.choices();
  }

  private ApiException rejected(ServingPlan plan, RejectedException e) {
    countRejected(plan.metrics());
    return new ApiException(
        switch (e.reason()) {
          case QUEUE_FULL -> ApiException.Kind.QUEUE_FULL;
          case TOO_LONG -> ApiException.Kind.TOO_LONG;
          case TOO_MANY -> ApiException.Kind.INVALID;
          case CLOSED, FAILED -> ApiException.Kind.NOT_READY;
        },
        String.valueOf(e.getMessage()));
  }

  private ServingPlan ofModel(ServedModel answering) {
    String variant = answering.variant();
    return new ServingPlan(
        answering,
        variant,
        answering.scheduler(),
        metrics.apply(variant),
        answering.comparison().shadow().served());
  }

  private ServingPlan ofTwin(ServedModel answering, ShadowShare.Twin twin) {
    return new ServingPlan(
        answering,
        twin.variant(),
        twin.scheduler(),
        metrics.apply(twin.variant()),
        answering.comparison().shadow().uniform());
  }

  private Running start(ReplySink sink, ServingPlan plan, Duration waited) {
    List<ReplySequence> sequences = new ArrayList<>();
    for (Prompt prompt : request.prompts()) {
      for (int choice = 0; choice < request.choices(); choice++) {
        int index = sequences.size();
        long seed = request.parameters().seed() + (request.seeded() ? choice : index);
        sequences.add(new ReplySequence(prompt, index, seed));
      }
    }
    ByteBudget.Charge charge = scores.charge();
    RunningReply reply = new RunningReply(sequences, request.format(), sink, plan, charge, waited);
    try {
      reply.submitted(
          plan.scheduler()
              .submit(sequences.stream().map(s -> generation(s, reply, left(waited))).toList()));
    } catch (RuntimeException | Error e) {
      charge.close();
      throw e;
    }
    return reply;
  }

  /** Limits the log-probabilities of an answer, which are kept until its last sequence ends. */
  private void requireFewAlternatives() {
    long answered = (long) request.parameters().maxNewTokens() * request.prompts().size();
    long read = request.prompts().stream().mapToLong(prompt -> prompt.tokens().length).sum();
    long alternatives =
        request.choices()
            * (answered * request.parameters().topLogprobs()
                + read * request.promptScores().orElse(0));
    if (alternatives > MAX_ALTERNATIVES) {
      throw ApiException.invalid(
          "logprobs",
          ("expected at most %d alternatives in one answer, got up to %d; ask for fewer tokens,"
                  + " choices or log-probabilities, or send several requests")
              .formatted(MAX_ALTERNATIVES, alternatives));
    }
    boolean kept = !streamed() || request.promptScores().isPresent();
    if (alternatives > 0 && kept && scores.isHalfTaken()) {
      countRejected(metrics.apply(model.current().variant()));
      throw RunningReply.scoresFull(scores.max());
    }
  }

  private GenerationRequest generation(
      ReplySequence sequence, RunningReply reply, Optional<Duration> timeout) {
    SamplingParameters.Builder parameters = request.parameters().toBuilder();
    return new GenerationRequest(
        sequence.prompt().tokens(),
        parameters.seed(sequence.seed()).build(),
        request.endOfSequence(),
        request.promptScores(),
        new StopTokenText(
            model.tokenizer(),
            sequence.prompt().tokens(),
            request.parameters(),
            request.showSpecial()),
        reply.listener(sequence),
        timeout);
  }
}
