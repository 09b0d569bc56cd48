package ai.djl.serving.wlm.util;

/** Thrown when a job queue is full. */
public class WlmCapacityException extends WlmException {
  private static final long serialVersionUID = 1L;

  public WlmCapacityException(String message) {
    super(message);
  }
}
