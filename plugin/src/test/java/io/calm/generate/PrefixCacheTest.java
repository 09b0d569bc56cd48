package io.calm.generate;

import static io.calm.generate.LoopFixture.beginning;
import static io.calm.generate.LoopFixture.tokens;
import static io.calm.generate.SchedulerFixture.request;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The prefix cache: blocks shared by prompts that begin alike, and their eviction. */
class PrefixCacheTest {
  @Test
  void aPromptThatBeginsAlikeIsNotReadAgain() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(400, 16, 4, 8, 400));
    Recorder first = fixture.submit(70, tokens(130));
    fixture.finish(first);
    assertEquals(0, fixture.loop.stats().sharedTokens());
    Recorder second = new Recorder();
    GenerationRequest again = request(2, second, tokens(130));
    fixture.submit(again);
    fixture.loop.turn();
    assertEquals(128, fixture.loop.stats().sharedTokens());
    assertEquals(260, fixture.loop.stats().promptTokens());
    assertEquals(NaiveGeneration.of(again).tokens().subList(0, 1), second.ids());
    // The whole prompt is cached, but for the token that is needed.
    Recorder third = fixture.submit(2, tokens(128));
    fixture.loop.turn();
    assertEquals(128 + 64, fixture.loop.stats().sharedTokens());
    // Generated tokens are shared like those of a prompt.
    List<Integer> conversation = new ArrayList<>();
    IntStream.of(tokens(130)).forEach(conversation::add);
    conversation.addAll(first.ids());
    int[] longer = conversation.stream().mapToInt(Integer::intValue).toArray();
    Recorder answer = fixture.submit(2, longer);
    fixture.loop.turn();
    assertEquals(128 + 64 + 192, fixture.loop.stats().sharedTokens());
    assertEquals(
        List.of(0, 128, 64, 192),
        Stream.of(first, second, third, answer).map(r -> r.cached().orElseThrow()).toList());
    assertEquals(List.of(), fixture.decoder.violations());
  }

  @Test
  void promptsThatArriveTogetherAreComputedOnce() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(1000, 200, 8, 8, 256));
    for (int i = 0; i < 8; i++) {
      fixture.submit(1, tokens(960));
    }
    fixture.finishAll();
    SchedulerStats stats = fixture.loop.stats();
    // The second one has a block in the last step of the first; each computes its own last block.
    assertEquals(960 + 64 + 7 * 64, stats.stepTokens());
    assertEquals(8 * 960, stats.promptTokens());
    assertEquals(stats.promptTokens() - stats.stepTokens(), stats.sharedTokens());
    assertEquals(OptionalInt.of(0), fixture.recorders.get(7).cached(), "when it was admitted");
  }

  @Test
  void aCachedBlockReplacesAPartlyFilledOne() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(400, 16, 4, 8, 80));
    List<Integer> answer = NaiveGeneration.of(request(30, new Recorder(), tokens(60))).tokens();
    int[] longer =
        IntStream.concat(IntStream.of(tokens(60)), answer.stream().mapToInt(Integer::intValue))
            .toArray();
    Recorder first = fixture.submit(30, tokens(60));
    Submission second = fixture.begin(2, longer);
    fixture.loop.turn(); // the first prompt and 20 tokens of the second
    second.pause();
    fixture.finish(first);
    second.resume();
    fixture.finishAll();
    assertEquals(64 - 20, fixture.loop.stats().sharedTokens());
    assertEquals((60 + 29) + (20 + 90 - 64 + 1), fixture.loop.stats().stepTokens());
  }

  /** The score of a prompt needs the logits of each of its tokens, so it cannot use the cache. */
  @Test
  void aScoredPromptDoesNotCount() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(400, 16, 4, 8, 400));
    fixture.finish(fixture.submit(1, tokens(130)));
    Recorder scored = new Recorder();
    fixture.submit(
        RequestBuilder.prompt(tokens(130)).maxNewTokens(1).promptScores(0).build(scored));
    fixture.finish(scored);
    assertEquals(130, scored.promptScores().size());
    assertEquals(0, fixture.loop.stats().sharedTokens());
    assertEquals(130, fixture.loop.stats().promptTokens(), "of the first request alone");
  }

  @Test
  void aLackOfMemoryEvictsCachedBlocks() {
    LoopFixture fixture = LoopFixture.withMemory(100, 5);
    fixture.submit(1, beginning(1, 300));
    fixture.finishAll();
    assertEquals(4, fixture.loop.stats().cachedBlocks());
    for (int i = 2; i <= 4; i++) { // together in the step for which there is no memory
      fixture.submit(20, beginning(i, 20));
    }
    fixture.finishAll();
    assertEquals(1, fixture.decoder.stepsWithoutMemory());
    assertEquals(2, fixture.loop.stats().cachedBlocks(), "no more than were needed");
    assertEquals(0, fixture.loop.stats().preemptions());
  }

  @Test
  void aRequestThatWaitsForBlocksDoesNotTouchTheCache() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(400, 6, 4, 8, 400));
    for (int first = 1; first <= 2; first++) { // a block each for the cache
      fixture.submit(1, beginning(first, 65));
      fixture.loop.turn();
    }
    assertEquals(2, fixture.loop.stats().cachedBlocks());
    fixture.submit(40, beginning(3, 130));
    Submission waiting = fixture.submit(request(1, new Recorder(), beginning(1, 300)));
    for (int turn = 0; turn < 20; turn++) {
      fixture.loop.turn();
    }
    assertEquals(1, fixture.queue.waiting());
    assertEquals(2, fixture.loop.stats().cachedBlocks());
    waiting.cancel();
    fixture.submit(1, beginning(4, 100)); // the cache gives one
    fixture.loop.turn();
    assertEquals(0, fixture.loop.stats().sharedTokens());
    fixture.submit(1, beginning(2, 65));
    fixture.loop.turn();
    assertEquals(64, fixture.loop.stats().sharedTokens(), "it was used last");
  }
}
