package io.calm.serving.reply;

import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.Generation;
import io.calm.generate.GenerationListener;
import io.calm.generate.TokenScore;
import io.calm.metrics.ModelMetrics;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * Carries the events of a request's sequences to its sink. Nothing is sent before the first token,
 * so an error until then has a status of its own; the first sequence that fails ends the others.
 *
 * <p>Events come on the scheduler's thread; {@link #cancel} on any.
 */
final class RunningReply implements PreparedReply.Running {
  private final List<Sequence> sequences;
  private final ReplyFormat format;
  private final ReplySink sink;
  private final ModelMetrics metrics;
  private int open;
  private boolean started;
  private boolean begun;
  private boolean done;
  private volatile boolean cancelled;
  private volatile List<? extends Generation> generations = List.of();

  RunningReply(List<Sequence> sequences, ReplyFormat format, ReplySink sink, ModelMetrics metrics) {
    this.sequences = sequences;
    this.format = format;
    this.sink = sink;
    this.metrics = metrics;
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

  /** Makes the submitted generations known, so that {@link #cancel} reaches them. */
  void submitted(List<? extends Generation> submitted) {
    generations = submitted;
    if (cancelled) {
      cancel();
    }
  }

  GenerationListener listener(Sequence sequence) {
    return new GenerationListener() {
      private long before;

      @Override
      public void promptRead(int cachedTokens) {
        sequence.promptRead(cachedTokens);
      }

      @Override
      public void prompt(List<TokenScore> scores, List<List<TokenScore>> top) {
        sequence.prompt(scores, top);
      }

      @Override
      public void token(GeneratedToken token) {
        metrics.token(token.index(), token.elapsedNanos() - before);
        before = token.elapsedNanos();
        started();
        sequence.token(token);
        if (format.streamed() && !done) {
          send(format.token(sequence, token));
        }
      }

      @Override
      public void finished(Finish finish) {
        metrics.finished(
            finish.reason().name(),
            finish.usage().promptTokens(),
            finish.usage().generatedTokens(),
            finish.timing().queued(),
            finish.timing().total());
        sequence.finish(finish);
        started();
        open--;
        if (!done) {
          end(sequence, finish);
        }
      }
    };
  }

  private void started() {
    if (!started) {
      started = true;
      sink.started();
    }
  }

  private void end(Sequence sequence, Finish finish) {
    switch (finish.reason()) {
      case ERROR ->
          fail(
              new ApiException(
                  ApiException.Kind.INTERNAL, finish.error().orElse("the generation failed")));
      case DEADLINE ->
          fail(
              new ApiException(
                  ApiException.Kind.DEADLINE,
                  "the request timed out after %d ms; ask for fewer tokens or try again later"
                      .formatted(finish.timing().total().toMillis())));
      case CANCELLED ->
          fail(
              new ApiException(
                  ApiException.Kind.NOT_READY, "the generation was cancelled: model unloaded"));
      case LENGTH, EOS_TOKEN, STOP_SEQUENCE -> {
        try {
          complete(sequence);
        } catch (RuntimeException | Error e) {
          fail(new ApiException(ApiException.Kind.INTERNAL, "the answer could not be written"));
          throw e;
        }
      }
    }
  }

  private void complete(Sequence sequence) {
    if (format.streamed()) {
      send(format.finished(sequence));
      if (open == 0) {
        send(format.end(sequences));
        begin();
        done = true;
        sink.end();
      }
    } else if (open == 0) {
      byte[] body = format.whole(sequences).getBytes(StandardCharsets.UTF_8);
      done = true;
      sink.full(200, format.contentType(), Map.of(), body);
    }
  }

  private void fail(ApiException error) {
    done = true;
    if (begun) {
      sink.write(format.failed(error).getBytes(StandardCharsets.UTF_8));
      sink.end();
    } else {
      Errors.send(error, format.errors(), sink);
    }
    cancel();
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
      sink.begin(format.contentType());
    }
  }
}
