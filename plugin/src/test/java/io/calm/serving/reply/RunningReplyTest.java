package io.calm.serving.reply;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.compare.RequestLatencies;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.GenerationListener;
import io.calm.generate.TokenScore;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.testing.ScriptedModels;
import io.prometheus.client.CollectorRegistry;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The ends of replies, also of those that are written on the thread of {@link AnswerWriter}. */
class RunningReplyTest {
  private static final long MAX = 3 * RunningReply.MANY * RunningReply.SCORE_BYTES / 2;

  private final ServedModel model = ScriptedModels.create("m");
  private final ByteBudget scores = new ByteBudget(MAX);
  private final List<String> sent = new CopyOnWriteArrayList<>();
  private List<ReplySequence> sequences = List.of();
  private Optional<CountDownLatch> held = Optional.empty();

  @AfterEach
  void close() throws Exception {
    release();
    model.close();
  }

  /** A format whose pieces are the texts of tokens; that of "bad" and a bad end cannot be built. */
  private record Texts(boolean streamed, boolean badEnd) implements ReplyFormat {
    @Override
    public String contentType() {
      return "text/plain";
    }

    @Override
    public String token(ReplySequence sequence, GeneratedToken token) {
      if (token.text().equals("bad")) {
        throw new IllegalArgumentException("bad");
      }
      return token.text();
    }

    @Override
    public String finished(ReplySequence sequence) {
      return "";
    }

    @Override
    public String end(List<ReplySequence> sequences) {
      return whole(List.of());
    }

    @Override
    public String failed(ApiException error) {
      return error.kind().toString();
    }

    @Override
    public String whole(List<ReplySequence> all) {
      if (badEnd) {
        throw new IllegalArgumentException("bad");
      }
      return "end";
    }

    @Override
    public ErrorBody errors() {
      return ErrorBody.DJL;
    }
  }

  private final class Sink implements ReplySink {
    @Override
    public void started() {
      sent.add("started");
    }

    @Override
    public void full(int status, String type, Map<String, String> headers, byte[] body) {
      sent.add("full " + status);
    }

    @Override
    public void begin(String contentType, Map<String, String> headers) {
      sent.add("begin");
    }

    @Override
    public void write(byte[] bytes) {
      sent.add(new String(bytes, StandardCharsets.UTF_8));
    }

    @Override
    public void end() {
      sent.add("ended");
    }
  }

  private RunningReply reply(int count, boolean streamed, boolean badEnd) {
    sequences =
        IntStream.range(0, count)
            .mapToObj(i -> new ReplySequence(new Prompt("p", new int[] {1}), i, 0))
            .toList();
    return new RunningReply(
        sequences,
        new Texts(streamed, badEnd),
        new Sink(),
        new ServingPlan(
            model,
            "calm",
            model.scheduler(),
            new CalmMetrics(new CollectorRegistry(), List::of).model("m", "calm"),
            new RequestLatencies()),
        scores.charge(),
        Duration.ZERO);
  }

  /** Reports the scores of a prompt from which on events are handled apart. */
  private static void large(GenerationListener listener) {
    listener.prompt(Collections.nCopies(RunningReply.MANY, new TokenScore(1, -1)), List.of());
  }

  private static void token(GenerationListener listener, int index, String text) {
    TokenScore score = new TokenScore(1, -1);
    listener.token(new GeneratedToken(index, text, score, List.of(), Optional.empty(), 1));
  }

  private static void finish(GenerationListener listener, Finish.Reason reason) {
    Finish.Timing timing = new Finish.Timing(Duration.ZERO, Duration.ofMillis(1));
    listener.finished(new Finish(reason, Optional.empty(), new Finish.Usage(1, 1), timing));
  }

  /** Lets events wait for the thread. */
  private void hold() {
    CountDownLatch latch = new CountDownLatch(1);
    held = Optional.of(latch);
    AnswerWriter.PROCESS.execute(
        () -> {
          try {
            latch.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
  }

  /** Waits until all events are handled. */
  private void release() throws InterruptedException {
    held.ifPresent(CountDownLatch::countDown);
    CountDownLatch handled = new CountDownLatch(1);
    AnswerWriter.PROCESS.execute(handled::countDown);
    assertTrue(handled.await(60, TimeUnit.SECONDS));
  }

  private void requireSent(String... expected) throws InterruptedException {
    release();
    assertEquals(List.of(expected), new ArrayList<>(sent));
    assertTrue(scores.take(MAX), "all of the budget is free");
    scores.give(MAX);
  }

  @Test
  void aHangUpWhileEventsWaitEndsTheReplyOnce() throws Exception {
    RunningReply reply = reply(1, true, false);
    GenerationListener listener = reply.listener(sequences.get(0));
    large(listener);
    hold();
    token(listener, 0, "a");
    reply.cancel();
    token(listener, 1, "b");
    finish(listener, Finish.Reason.CANCELLED);
    assertEquals(List.of(), sent);
    requireSent("started", "full 503");
  }

  @Test
  void aHangUpInTheMiddleEndsTheStreamOnce() throws Exception {
    RunningReply reply = reply(1, true, false);
    GenerationListener listener = reply.listener(sequences.get(0));
    large(listener);
    token(listener, 0, "a");
    release();
    hold();
    token(listener, 1, "b");
    reply.cancel();
    finish(listener, Finish.Reason.LENGTH);
    requireSent("started", "begin", "a", "NOT_READY", "ended");
  }

  @Test
  void aSecondPromptMayExhaustTheBudget() throws Exception {
    RunningReply reply = reply(2, true, false);
    GenerationListener first = reply.listener(sequences.get(0));
    GenerationListener second = reply.listener(sequences.get(1));
    large(first);
    hold();
    large(second);
    token(first, 0, "a");
    finish(first, Finish.Reason.LENGTH);
    finish(second, Finish.Reason.CANCELLED);
    requireSent("started", "full 429");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aDeadlineEndsAStream(boolean apart) throws Exception {
    RunningReply reply = reply(2, true, false);
    GenerationListener first = reply.listener(sequences.get(0));
    GenerationListener second = reply.listener(sequences.get(1));
    if (apart) {
      large(first);
    }
    token(first, 0, "a");
    finish(first, Finish.Reason.DEADLINE);
    token(second, 0, "b");
    finish(second, Finish.Reason.DEADLINE);
    requireSent("started", "begin", "a", "DEADLINE", "ended");
  }

  @Test
  void aTokenThatCannotBeWrittenEndsTheStream() throws Exception {
    RunningReply reply = reply(1, true, false);
    GenerationListener listener = reply.listener(sequences.get(0));
    large(listener);
    token(listener, 0, "a");
    token(listener, 1, "bad");
    token(listener, 2, "c");
    finish(listener, Finish.Reason.LENGTH);
    requireSent("started", "begin", "a", "INTERNAL", "ended");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anEndThatCannotBeWrittenIsAnError(boolean apart) throws Exception {
    RunningReply reply = reply(1, true, true);
    GenerationListener listener = reply.listener(sequences.get(0));
    if (apart) {
      large(listener);
    }
    token(listener, 0, "a");
    finish(listener, Finish.Reason.LENGTH);
    requireSent("started", "begin", "a", "INTERNAL", "ended");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aWholeAnswerThatCannotBeWrittenIsAnError(boolean large) throws Exception {
    RunningReply reply = reply(1, false, true);
    GenerationListener listener = reply.listener(sequences.get(0));
    if (large) {
      large(listener);
    }
    token(listener, 0, "a");
    finish(listener, Finish.Reason.LENGTH);
    requireSent("started", "full 500");
  }

  @Test
  void aHangUpWhileAWholeAnswerWaitsEndsItOnce() throws Exception {
    RunningReply reply = reply(1, false, false);
    GenerationListener listener = reply.listener(sequences.get(0));
    large(listener);
    hold();
    token(listener, 0, "a");
    finish(listener, Finish.Reason.LENGTH);
    reply.cancel();
    requireSent("started", "full 503");
  }

  /** Otherwise the tokenizer would be closed before their texts are made. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anUnloadingWaitsForAnswersThatAreStillWritten(boolean streamed) throws Exception {
    RunningReply reply = reply(1, streamed, false);
    GenerationListener listener = reply.listener(sequences.get(0));
    hold();
    large(listener);
    finish(listener, Finish.Reason.LENGTH);
    CountDownLatch freed = new CountDownLatch(1);
    Thread unloading =
        new Thread(
            () -> {
              try (ModelRegistry registry = new ModelRegistry()) {
                registry.ready(model);
                registry.remove(model.name());
                registry.awaitUnloaded();
                freed.countDown();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    unloading.start();
    assertFalse(freed.await(300, TimeUnit.MILLISECONDS));
    release();
    assertTrue(freed.await(60, TimeUnit.SECONDS));
    assertTrue(sent.contains("started"));
    assertFalse(sent.contains("full 503"));
  }
}
