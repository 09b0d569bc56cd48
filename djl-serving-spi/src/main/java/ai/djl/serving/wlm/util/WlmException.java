package ai.djl.serving.wlm.util;

/** A failure of the part that loads models and runs workers. */
public class WlmException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public WlmException(String message) {
    super(message);
  }
}
