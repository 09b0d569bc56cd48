package ai.djl.serving.models;

import ai.djl.serving.workflow.Workflow;
import java.util.List;

/** The versions of one name. */
public class Endpoint {

  /** Returns the versions. */
  public native List<Workflow> getWorkflows();
}
