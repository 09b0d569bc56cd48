package io.calm.serving.load;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Tokenizer;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * The parts of a checkpoint that serving needs beside its weights: tokenizer and chat template. The
 * tokenizer is built on a thread of its own, beside the work of the caller. The checkpoint owns
 * both.
 */
public final class TextParts {
  private final FutureTask<Tokenizer> tokenizer;
  private final Optional<ChatTemplate> chatTemplate;

  private TextParts(FutureTask<Tokenizer> tokenizer, Optional<ChatTemplate> chatTemplate) {
    this.tokenizer = tokenizer;
    this.chatTemplate = chatTemplate;
  }

  /**
   * Loads the chat template and starts to build the tokenizer.
   *
   * @throws io.calm.checkpoint.CheckpointException if the template cannot be used
   */
  public static TextParts open(Checkpoint checkpoint) {
    FutureTask<Tokenizer> tokenizer = new FutureTask<>(checkpoint::tokenizer);
    Thread builder = new Thread(tokenizer, "calm-tokenizer");
    builder.setDaemon(true);
    builder.start();
    return new TextParts(tokenizer, checkpoint.chatTemplate());
  }

  /** Returns the chat template; empty if the checkpoint has none. */
  Optional<ChatTemplate> chatTemplate() {
    return chatTemplate;
  }

  /**
   * Returns the tokenizer when it is built.
   *
   * @throws io.calm.checkpoint.CheckpointException if it is missing or not supported
   */
  public Tokenizer tokenizer() {
    try {
      return tokenizer.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the tokenizer was built", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    }
  }
}
