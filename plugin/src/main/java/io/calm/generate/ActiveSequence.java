package io.calm.generate;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Logits;
import io.calm.runtime.Decoder.Wanted;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The prompt and the answer so far, and how many of their tokens the decoder holds: with its blocks
 * a sequence loses nothing else. Used by the scheduler's thread alone.
 */
final class ActiveSequence {
  private final Ticket ticket;
  private final GenerationRequest request;
  private final Sampler sampler;
  private final TokenHistory history;
  private final AnswerText text;
  private final List<TokenScore> promptScores = new ArrayList<>();
  private final List<List<TokenScore>> promptTop = new ArrayList<>();

  private final BlockTable table = new BlockTable();
  private int[] tokens;
  private int length;
  private int held;
  private boolean admitted;
  private OptionalInt cachedAtFirst = OptionalInt.empty();

  ActiveSequence(Ticket ticket) {
    this.ticket = ticket;
    this.request = ticket.request();
    this.tokens = request.prompt().clone();
    this.length = tokens.length;
    this.sampler = new Sampler(request.parameters());
    this.history =
        new TokenHistory(request.parameters(), request.prompt(), request.endOfSequence());
    this.text = new AnswerText(request.text(), request.parameters());
  }

  Ticket ticket() {
    return ticket;
  }

  /** Returns whether it may hold blocks. */
  boolean admitted() {
    return admitted;
  }

  /**
   * Returns whether there are blocks for all its tokens, those of the cache included, beside {@code
   * promised} ones; changes nothing.
   */
  boolean fits(BlockManager blocks, int promised) {
    BlockManager.Prefix cached =
        scoring() ? BlockManager.Prefix.NONE : blocks.prefix(tokens, length);
    int missing = Decoder.blocksFor(length) - cached.blocks();
    return missing + promised <= blocks.available() - cached.idle();
  }

  /**
   * Begins with what the cache holds of its tokens.
   *
   * @return the tokens that need not be computed
   */
  int admit(BlockManager blocks) {
    admitted = true;
    if (!scoring()) {
      held = blocks.share(table, tokens, length);
    }
    if (cachedAtFirst.isEmpty()) {
      cachedAtFirst = OptionalInt.of(held);
    }
    return held;
  }

  /** Gives its blocks back; what they held is computed again after the next {@link #admit}. */
  void release(BlockManager blocks) {
    blocks.release(table);
    held = 0;
    admitted = false;
  }

  /** Gives back what was reserved and not filled. */
  void releaseEmpty(BlockManager blocks) {
    blocks.release(table, held);
  }

  /** Returns whether there cannot be room for {@code count} more tokens, whoever gives way. */
  boolean exceedsMemory(BlockManager blocks, int count) {
    return blocks.exceedsMemory(table, held + count);
  }

  /** Returns the blocks that it lacks for the tokens it has. */
  int missingBlocks() {
    return Decoder.blocksFor(length) - table.size();
  }

  /** Makes room for {@code count} more tokens; returns false if there is none. */
  boolean reserve(BlockManager blocks, int count) {
    return blocks.reserve(table, held + count);
  }

  /** Returns whether all tokens but the one that was generated last are held. */
  boolean decoding() {
    return held == length - 1 && generated() > 0;
  }

  private int generated() {
    return length - request.prompt().length;
  }

  /** Returns whether prompt tokens are still to be scored: each of their rows has logits. */
  boolean scoring() {
    return request.promptScores().isPresent() && promptScores.size() < request.prompt().length;
  }

  /** Returns the tokens whose keys and values the decoder holds. */
  int held() {
    return held;
  }

  /** Returns the tokens that are not held. */
  int remaining() {
    return length - held;
  }

  Work.Decode decode() {
    return new Work.Decode(this, chunk(1, Wanted.LAST));
  }

  Work.Prefill prefill(int count) {
    boolean last = count == remaining();
    Wanted wanted = scoring() ? Wanted.ALL : last ? Wanted.LAST : Wanted.NONE;
    return new Work.Prefill(this, chunk(count, wanted), last);
  }

  private Chunk chunk(int count, Wanted wanted) {
    int end = held + count;
    return new Chunk(
        table.first(Decoder.blocksFor(end)), held, Arrays.copyOfRange(tokens, held, end), wanted);
  }

  /**
   * Takes the result of a step and sends its events.
   *
   * @return how the sequence ended; empty where it goes on
   */
  Optional<Finish.Reason> advance(BlockManager blocks, Work work, List<Logits> rows) {
    held = work.chunk().end();
    blocks.publish(table, tokens, held);
    if (work instanceof Work.Prefill prefill) {
      if (scoring()) {
        score(prefill.chunk().position(), rows);
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
    }
    return generate(rows.get(rows.size() - 1));
  }

  private void promptRead() {
    request.listener().promptRead(cachedAtFirst.orElseThrow());
    if (request.promptScores().isPresent()) {
      request.listener().prompt(List.copyOf(promptScores), List.copyOf(promptTop));
    }
  }

  /** Scores the prompt tokens after those of the chunk that were not scored before. */
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
    boolean ended = !parameters.ignoreEos() && request.endOfSequence().contains(token);
    String piece = ended ? "" : text.add(token);
    boolean full = generated() >= parameters.maxNewTokens();
    if ((ended || full) && !text.stopped()) {
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
    return new GeneratedToken(generated() - 1, text, score, top, end, ticket.tokenAt());
  }

  /** Sends the last event. */
  void finish(Finish.Reason reason, Optional<String> error) {
    ticket.finish(reason, error, text.toString(), generated());
  }
}
