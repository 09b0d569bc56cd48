package io.calm.generate;

import static io.calm.generate.SchedulerFixture.SETTINGS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.LogitRows;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The events of a generation: token scores, prompt scores, times. */
class GenerationEventsTest {
  @Test
  void tokensAreScoredOnlyOnRequest() {
    for (boolean wanted : new boolean[] {true, false}) {
      LoopFixture fixture = new LoopFixture(SETTINGS);
      Recorder recorder = new Recorder();
      SamplingParameters parameters =
          SamplingParameters.builder()
              .maxNewTokens(1)
              .logprobs(wanted)
              .topLogprobs(wanted ? 2 : 0)
              .build();
      fixture.submit(RequestBuilder.prompt(7).parameters(parameters).build(recorder));
      fixture.loop.turn();
      GeneratedToken token = recorder.tokens().get(0);
      LogProbabilities expected =
          new LogProbabilities(LogitRows.of(HashDecoder.logits(List.of(7))));
      assertEquals(wanted ? expected.top(2) : List.of(), token.top());
      assertEquals(wanted ? expected.top(1).get(0).logprob() : Float.NaN, token.score().logprob());
    }
  }

  /** An end of sequence that is not a stop string stays as it was, whatever else is one. */
  @Test
  void anEndOfSequenceThatIsAStopStringIsOne() {
    int[] prompt = {7};
    int end =
        NaiveGeneration.of(RequestBuilder.prompt(prompt).maxNewTokens(5).build(new Recorder()))
            .tokens()
            .get(4);
    for (boolean stop : new boolean[] {true, false}) {
      for (boolean include : new boolean[] {true, false}) {
        LoopFixture fixture = new LoopFixture(SETTINGS);
        Recorder recorder = new Recorder();
        SamplingParameters parameters =
            SamplingParameters.builder()
                .maxNewTokens(9)
                .stops(stop ? List.of("zz", Letters.ended(end)) : List.of("zz", "<", ">"))
                .includeStop(include)
                .build();
        GenerationRequest request =
            RequestBuilder.prompt(prompt).parameters(parameters).endOfSequence(end).build(recorder);
        fixture.submit(request);
        Finish finish = fixture.finish(recorder);
        NaiveGeneration expected = NaiveGeneration.of(request);
        assertEquals(stop ? Finish.Reason.STOP_SEQUENCE : Finish.Reason.EOS_TOKEN, finish.reason());
        assertEquals(expected.reason(), finish.reason());
        assertEquals(expected.tokens(), recorder.ids());
        assertEquals(expected.text(), recorder.text());
        assertEquals(stop && include, recorder.text().endsWith(Letters.ended(end)));
      }
    }
  }

  @Test
  void timesAreTheClocks() {
    LoopFixture fixture = new LoopFixture(SETTINGS);
    Recorder recorder = fixture.submit(2, 1);
    fixture.clock.set(5_000);
    fixture.loop.turn();
    fixture.clock.set(7_000);
    fixture.loop.turn();
    Finish.Timing timing = recorder.finish().orElseThrow().timing();
    assertEquals(Duration.ofNanos(5_000), timing.queued());
    assertEquals(Duration.ofNanos(7_000), timing.total());
    assertEquals(
        List.of(5_000L, 7_000L),
        recorder.tokens().stream().map(GeneratedToken::elapsedNanos).toList());
  }

  @Test
  void aPromptAloneIsScoredAndNothingGenerated() {
    LoopFixture fixture = new LoopFixture(SETTINGS);
    Recorder recorder = new Recorder();
    int[] prompt = new int[40];
    for (int i = 0; i < prompt.length; i++) {
      prompt[i] = i % 24;
    }
    fixture.submit(RequestBuilder.prompt(prompt).maxNewTokens(0).promptScores(2).build(recorder));
    for (int i = 0; i < 10 && recorder.finish().isEmpty(); i++) {
      fixture.loop.turn();
    }
    assertEquals(List.of(), recorder.ids());
    assertEquals(40, recorder.promptScores().size());
    assertTrue(Float.isNaN(recorder.promptScores().get(0).logprob()));
    List<Integer> before = new ArrayList<>();
    for (int i = 1; i < prompt.length; i++) {
      before.add(prompt[i - 1]);
      LogProbabilities expected = new LogProbabilities(LogitRows.of(HashDecoder.logits(before)));
      assertEquals(expected.of(prompt[i]), recorder.promptScores().get(i));
    }
    assertFalse(recorder.finish().isEmpty());
  }
}
