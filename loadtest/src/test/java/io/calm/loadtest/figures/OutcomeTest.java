package io.calm.loadtest.figures;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.loadtest.client.Answer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** The outcome of an answer, and its effect on a recorder. */
class OutcomeTest {
  private static final Answer.End COMPLETE = new Answer.End.Complete();
  private static final Answer.End HUNG_UP = new Answer.End.HungUp();

  private static Answer answer(int status, String text, Answer.End end) {
    return new Answer(
        0,
        1_000,
        5_001_000,
        status,
        text,
        List.of(1_001_000L, 3_001_000L),
        OptionalLong.of(1_001_000L),
        OptionalInt.of(4),
        Optional.of("length"),
        end);
  }

  @Test
  void textIsComparedWithWhatCameAlone() {
    assertEquals(new Outcome.Right(), Outcome.of(answer(200, "ab", COMPLETE), Optional.empty()));
    assertEquals(new Outcome.Right(), Outcome.of(answer(200, "ab", COMPLETE), Optional.of("ab")));
    assertInstanceOf(
        Outcome.Wrong.class, Outcome.of(answer(200, "a", COMPLETE), Optional.of("ab")));
  }

  @Test
  void whoHangsUpMustHaveTheBeginning() {
    assertEquals(new Outcome.HungUp(), Outcome.of(answer(200, "a", HUNG_UP), Optional.of("ab")));
    assertInstanceOf(Outcome.Wrong.class, Outcome.of(answer(200, "b", HUNG_UP), Optional.of("ab")));
  }

  @Test
  void busyIsNotBroken() {
    Answer.End broken = new Answer.End.Broken("why");
    assertInstanceOf(Outcome.Refused.class, Outcome.of(answer(429, "", broken), Optional.empty()));
    assertInstanceOf(Outcome.Refused.class, Outcome.of(answer(503, "", broken), Optional.empty()));
    assertInstanceOf(Outcome.Failed.class, Outcome.of(answer(500, "", broken), Optional.empty()));
    assertInstanceOf(
        Outcome.Lost.class,
        Outcome.of(answer(200, "", new Answer.End.TimedOut()), Optional.empty()));
  }

  @Test
  void aRecorderCountsAndTimes() {
    Recorder recorder = new Recorder();
    recorder.started();
    recorder.started();
    recorder.started();
    recorder.ended(answer(200, "ab", COMPLETE), new Outcome.Right(), true);
    recorder.ended(answer(200, "a", HUNG_UP), new Outcome.HungUp(), true);
    assertEquals(1, recorder.open());
    assertEquals(1, recorder.count(Outcome.Right.class));
    assertEquals(1, recorder.count(Outcome.HungUp.class));
    assertEquals(2, recorder.comparedAnswers());
    assertEquals(1_000_000, recorder.firstTokens().percentile(50));
    assertEquals(2_000_000, recorder.gaps().percentile(50));
    assertEquals(4, recorder.tokens());
    assertEquals(800, recorder.streamRate(), 1e-9); // 4 tokens in 5 ms
  }

  @Test
  void onlyAnswersWithTextAreCompared() {
    Recorder recorder = new Recorder();
    Answer.End broken = new Answer.End.Broken("why");
    recorder.ended(answer(429, "", broken), new Outcome.Refused("why"), true);
    recorder.ended(answer(500, "", broken), new Outcome.Failed("why"), true);
    recorder.ended(answer(200, "", new Answer.End.TimedOut()), new Outcome.Lost("why"), true);
    recorder.ended(answer(200, "a", COMPLETE), new Outcome.Right(), false);
    assertEquals(0, recorder.comparedAnswers());
    recorder.ended(answer(200, "b", COMPLETE), new Outcome.Wrong("why"), true);
    assertEquals(1, recorder.comparedAnswers());
  }

  @Test
  void faultsAreSaid() {
    assertEquals(Optional.of("why"), new Outcome.Failed("why").fault());
    assertTrue(new Outcome.Right().fault().isEmpty());
    assertTrue(new Outcome.HungUp().fault().isEmpty());
  }
}
