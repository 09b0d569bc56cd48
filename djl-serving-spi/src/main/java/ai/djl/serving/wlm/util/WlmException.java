package ai.djl.serving.wlm.util;

/** A failure of DJL Serving's workload manager. */
public class WlmException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public WlmException(String message) {
    super(message);
  }
}
