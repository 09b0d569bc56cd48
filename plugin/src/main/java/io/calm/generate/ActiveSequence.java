package io.calm.generate;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Logits;
import io.calm.runtime.Decoder.Wanted;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A sequence that has started: its prompt, its answer so far, its block table, and the number of
 * tokens whose keys and values the decoder holds. A preempted sequence loses its blocks and nothing
 * else, so it can resume by recomputing them. Confined to the scheduler's thread.
 */
final class ActiveSequence {
  private final Submission submission;
  private final GenerationRequest request;
  private final Sampler sampler;
  private final TokenHistory history;
  private final AnswerText text;
  private final PromptLookup lookup;
  private final List<TokenScore> promptScores = new ArrayList<>();
  private final List<List<TokenScore>> promptTop = new ArrayList<>();

  private final BlockTable table = new BlockTable();
  private int[] tokens;
  private int length;
  private int held;
  private boolean admitted;
  private boolean preempted;
  private boolean speculationFailed;
  private int cachedAtFirst;

  ActiveSequence(Submission submission) {
    this.submission = submission;
    this.request = submission.request();
    this.tokens = request.prompt().clone();
    this.length = tokens.length;
    this.sampler = new Sampler(request.parameters());
    this.history =
        new TokenHistory(request.parameters(), request.prompt(), request.endOfSequence());
    this.text = new AnswerText(request.text(), request.parameters());
    this.lookup = new PromptLookup(length);
  }

  Submission submission() {
    return submission;
  }

  /** Returns whether the sequence is admitted, so that it may hold blocks. */
  boolean admitted() {
    return admitted;
  }

  /**
   * Returns whether blocks for all tokens are available, including cached ones, when {@code
   * promised} blocks are reserved for others. Changes nothing.
   */
  boolean fits(BlockManager blocks, int promised) {
    BlockManager.Prefix cached =
        scoring() ? BlockManager.Prefix.NONE : blocks.prefix(tokens, length);
    int missing = Decoder.blocksFor(length) - cached.blocks();
    return missing + promised <= blocks.available() - cached.idle();
  }

  /**
   * Admits the sequence with the longest cached prefix of its tokens.
   *
   * @return see {@link #share}
   */
  int admit(BlockManager blocks) {
    admitted = true;
    int found = share(blocks);
    if (!preempted) {
      cachedAtFirst = held;
    }
    return found;
  }

  /**
   * Takes the cached blocks that continue the computed tokens. Other sequences may have published
   * them since the last call.
   *
   * @return the number of tokens that were found, so that they are not computed; 0 after a
   *     preemption, since the sequence may have computed them before
   */
  int share(BlockManager blocks) {
    int before = held;
    if (!scoring()) {
      held = Math.max(held, blocks.share(table, tokens, length));
    }
    return preempted ? 0 : held - before;
  }

  /** Releases all blocks; their contents are recomputed after the next {@link #admit}. */
  void release(BlockManager blocks) {
    blocks.release(table);
    held = 0;
    admitted = false;
    preempted = true;
  }

  /** Releases the blocks that were reserved but not written. */
  void releaseEmpty(BlockManager blocks) {
    blocks.release(table, held);
  }

  /**
   * Returns whether {@code count} more tokens would not fit even if all other sequences were
   * preempted.
   */
  boolean exceedsMemory(BlockManager blocks, int count) {
    return blocks.exceedsMemory(table, held + count);
  }

  /** Returns the blocks that the sequence holds, for reading. */
  BlockTable table() {
    return table;
  }

  /** Returns the number of blocks missing for the tokens so far. */
  int missingBlocks() {
    return Decoder.blocksFor(length) - table.size();
  }

  /** Reserves blocks for {@code count} more tokens; returns false if there are not enough. */
  boolean reserve(BlockManager blocks, int count) {
    return blocks.reserve(table, held + count);
  }

  /** Returns whether the decoder holds all tokens except the last generated one. */
  boolean decoding() {
    return held == length - 1 && generated() > 0;
  }

  private int generated() {
    return length - request.prompt().length;
  }

  /** Returns whether prompt tokens remain to be scored, which takes logits for each of them. */
  boolean scoring() {
    return request.promptScores().isPresent() && promptScores.size() < request.prompt().length;
  }

  /** Returns the number of tokens whose keys and values the decoder holds. */
  int held() {
    return held;
  }

  /** Returns the number of tokens that remain to be computed. */
  int remaining() {
    return length - held;
  }

  /** Returns the number of tokens, at most {@code max}, that may be predicted in the next step. */
  int predictable(int max) {
    if (speculationFailed) {
      return 0;
    }
    try {
      lookup.add(tokens, length);
    } catch (OutOfMemoryError e) { // the answer does not need it
      speculationFailed = true;
      return 0;
    }
    int most = Math.min(max, request.parameters().maxNewTokens() - generated() - 1);
    int count = 0;
    while (count < most && lookup.probability(count) > 0 && !ends(lookup.predict(tokens, count))) {
      count++;
    }
    return count;
  }

  /** Returns {@link PromptLookup#probability}. */
  double probability(int ahead) {
    return lookup.probability(ahead);
  }

  /** Predicts no more tokens. */
  void stopSpeculating() {
    speculationFailed = true;
  }

  /**
   * Returns the chunk of the last token and predicted ones.
   *
   * @param predicted number of predicted tokens; fewer if there are no blocks for them
   * @param promised number of blocks that other sequences need
   */
  ScheduledChunk.Decode decode(BlockManager blocks, int predicted, int promised) {
    int count = predicted;
    if (count > 0 && !blocks.reserveAvailable(table, length + count, promised)) {
      count = Math.min(count, table.size() * Decoder.BLOCK_TOKENS - length);
    }
    if (count == 0) {
      return new ScheduledChunk.Decode(this, chunk(1, Wanted.LAST));
    }
    int[] ids = new int[1 + count];
    ids[0] = tokens[held];
    for (int i = 0; i < count; i++) {
      ids[1 + i] = lookup.predict(tokens, i);
    }
    int[] blockIds = table.first(Decoder.blocksFor(length + count));
    return new ScheduledChunk.Decode(this, new Chunk(blockIds, held, ids, Wanted.ALL));
  }

  ScheduledChunk.Prefill prefill(int count) {
    boolean last = count == remaining();
    Wanted wanted = scoring() ? Wanted.ALL : last ? Wanted.LAST : Wanted.NONE;
    return new ScheduledChunk.Prefill(this, chunk(count, wanted), last);
  }

  private Chunk chunk(int count, Wanted wanted) {
    int end = held + count;
    return new Chunk(
        table.first(Decoder.blocksFor(end)), held, Arrays.copyOfRange(tokens, held, end), wanted);
  }

  /**
   * Processes the result of a step and sends its events.
   *
   * @return the reason if the sequence has ended
   */
  Optional<Finish.Reason> advance(
      BlockManager blocks, ScheduledChunk scheduled, List<Logits> rows) {
    Chunk chunk = scheduled.chunk();
    if (!(scheduled instanceof ScheduledChunk.Prefill prefill)) {
      return verify(blocks, chunk, rows);
    }
    hold(blocks, chunk.end());
    if (scoring()) {
      score(chunk.position(), rows);
    }
    if (!prefill.last()) {
      return Optional.empty();
    }
    if (generated() == 0) {
      promptRead();
    }
    if (request.parameters().maxNewTokens() == 0) {
      return Optional.of(Finish.Reason.LENGTH);
    }
    return generate(rows.get(rows.size() - 1));
  }

  private void hold(BlockManager blocks, int end) {
    held = end;
    blocks.publish(table, tokens, held);
  }

  /**
   * Generates a token from each row, as long as the rows' tokens are those of the sequence. The
   * keys and values of wrong predictions stay beyond {@link #held} and are overwritten. A client
   * that pauses or cancels gets no further token, as without predictions.
   */
  private Optional<Finish.Reason> verify(BlockManager blocks, Chunk chunk, List<Logits> rows) {
    Optional<Finish.Reason> end = Optional.empty();
    for (int row = 0; row < rows.size() && end.isEmpty(); row++) {
      if (row > 0 && (chunk.tokens()[row] != tokens[length - 1] || submission.interrupted())) {
        break;
      }
      hold(blocks, chunk.position() + row + 1);
      end = generate(rows.get(row));
    }
    releaseEmpty(blocks);
    return end;
  }

  private void promptRead() {
    request.listener().promptRead(cachedAtFirst);
    if (request.promptScores().isPresent()) {
      request.listener().prompt(List.copyOf(promptScores), List.copyOf(promptTop));
    }
  }

  /** Scores each prompt token that follows a row of the chunk, unless it is already scored. */
  private void score(int position, List<Logits> rows) {
    if (promptScores.isEmpty()) {
      promptScores.add(new TokenScore(request.prompt()[0], Float.NaN));
      promptTop.add(List.of());
    }
    for (int row = 0; row < rows.size() && scoring(); row++) {
      int target = position + row + 1;
      if (target == promptScores.size()) {
        LogProbabilities probabilities = new LogProbabilities(rows.get(row));
        promptScores.add(probabilities.of(request.prompt()[target]));
        promptTop.add(probabilities.top(request.promptScores().orElseThrow()));
      }
    }
  }

  private Optional<Finish.Reason> generate(Logits logits) {
    SamplingParameters parameters = request.parameters();
    int token = sampler.choose(history.penalized(logits));
    history.restore(logits);
    history.add(token);
    append(token);
    boolean ended = ends(token);
    String piece = ended ? text.end(token) : text.add(token);
    boolean full = generated() >= parameters.maxNewTokens();
    if (full && !ended && !text.stopped()) {
      piece += text.flush();
    }
    Optional<Finish.Reason> end = Optional.empty();
    if (text.stopped()) {
      end = Optional.of(Finish.Reason.STOP_SEQUENCE);
    } else if (ended) {
      end = Optional.of(Finish.Reason.EOS_TOKEN);
    } else if (full) {
      end = Optional.of(Finish.Reason.LENGTH);
    }
    request.listener().token(event(token, piece, logits, end));
    return end;
  }

  private boolean ends(int token) {
    return request.endOfSequence().contains(token);
  }

  private void append(int token) {
    if (length == tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.min(request.capacity() + 1, length + length / 2 + 16));
    }
    tokens[length++] = token;
  }

  private GeneratedToken event(int token, String text, Logits logits, Optional<Finish.Reason> end) {
    TokenScore score = new TokenScore(token, Float.NaN);
    List<TokenScore> top = List.of();
    if (request.parameters().logprobs()) {
      LogProbabilities probabilities = new LogProbabilities(logits);
      score = probabilities.of(token);
      top = probabilities.top(request.parameters().topLogprobs());
    }
    return new GeneratedToken(generated() - 1, text, score, top, end, submission.elapsed());
  }

  /** Sends the last event. */
  void finish(Finish.Reason reason, Optional<String> error) {
    submission.finish(reason, error, generated());
  }
}
