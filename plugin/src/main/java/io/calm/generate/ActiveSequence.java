package io.calm.generate;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A sequence between its admission and its end: what of the prompt the decoder has read, and the
 * answer so far. Used by the scheduler's thread alone.
 */
final class ActiveSequence {
  /** Every row of a chunk whose prompt is scored has [V] logits on the heap: keep them few. */
  private static final int MOST_SCORED_ROWS = 32;

  private final Ticket ticket;
  private final GenerationRequest request;
  private final Decoder.Sequence memory;
  private final Sampler sampler;
  private final TokenHistory history;
  private final AnswerText text;
  private final List<TokenScore> promptScores = new ArrayList<>();
  private final List<List<TokenScore>> promptTop = new ArrayList<>();
  private int read;
  private int last;
  private int generated;

  ActiveSequence(Ticket ticket, Decoder.Sequence memory) {
    this.ticket = ticket;
    this.request = ticket.request();
    this.memory = memory;
    this.sampler = new Sampler(request.parameters());
    this.history =
        new TokenHistory(request.parameters(), request.prompt(), request.endOfSequence());
    this.text = new AnswerText(request.text(), request.parameters());
  }

  Ticket ticket() {
    return ticket;
  }

  Decoder.Sequence memory() {
    return memory;
  }

  /** Returns whether the whole prompt was read, so that the next chunk is one generated token. */
  boolean decoding() {
    return read >= request.prompt().length;
  }

  int capacity() {
    return request.capacity();
  }

  /** Returns the next chunk, of at most {@code budget} tokens. */
  Chunk next(int budget) {
    if (decoding()) {
      return new Chunk(memory, new int[] {last}, Wanted.LAST);
    }
    boolean scored = request.promptScores().isPresent();
    int most = scored ? Math.min(budget, MOST_SCORED_ROWS) : budget;
    int end = Math.min(request.prompt().length, read + most);
    Wanted wanted = end == request.prompt().length ? Wanted.LAST : Wanted.NONE;
    return new Chunk(
        memory, Arrays.copyOfRange(request.prompt(), read, end), scored ? Wanted.ALL : wanted);
  }

  /**
   * Takes the result of a step and sends its events.
   *
   * @return how the sequence ended; empty where it goes on
   */
  Optional<Finish.Reason> advance(Chunk chunk, float[][] logits) {
    if (!decoding()) {
      score(chunk, logits);
      read += chunk.tokens().length;
      if (!decoding()) {
        return Optional.empty();
      }
      if (request.promptScores().isPresent()) {
        request.listener().prompt(List.copyOf(promptScores), List.copyOf(promptTop));
      }
      if (request.parameters().maxNewTokens() == 0) {
        return Optional.of(Finish.Reason.LENGTH);
      }
    }
    return generate(logits[logits.length - 1]);
  }

  private void score(Chunk chunk, float[][] logits) {
    if (request.promptScores().isEmpty()) {
      return;
    }
    if (read == 0) {
      promptScores.add(new TokenScore(request.prompt()[0], Float.NaN));
      promptTop.add(List.of());
    }
    for (int row = 0; row < chunk.tokens().length; row++) {
      int target = read + row + 1;
      if (target < request.prompt().length) {
        LogProbabilities probabilities = new LogProbabilities(logits[row]);
        promptScores.add(probabilities.of(request.prompt()[target]));
        promptTop.add(probabilities.top(request.promptScores().getAsInt()));
      }
    }
  }

  private Optional<Finish.Reason> generate(float[] logits) {
    SamplingParameters parameters = request.parameters();
    int token = sampler.choose(history.penalized(logits));
    history.add(token);
    last = token;
    generated++;
    boolean ended = !parameters.ignoreEos() && request.endOfSequence().contains(token);
    String piece = ended ? "" : text.add(token);
    boolean full = generated >= parameters.maxNewTokens();
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

  private GeneratedToken event(
      int token, String text, float[] logits, Optional<Finish.Reason> end) {
    TokenScore score = new TokenScore(token, Float.NaN);
    List<TokenScore> top = List.of();
    if (request.parameters().logprobs()) {
      LogProbabilities probabilities = new LogProbabilities(logits);
      score = probabilities.of(token);
      top = probabilities.top(request.parameters().topLogprobs());
    }
    return new GeneratedToken(generated - 1, text, score, top, end, ticket.tokenAt());
  }

  /** Frees the memory, then sends the last event. */
  void finish(Finish.Reason reason, Optional<String> error) {
    try {
      memory.close();
    } finally {
      ticket.finish(reason, error, text.toString(), generated);
    }
  }
}
