//! The texts of `--help`, with the words that scripts look for. Specification: HS §4.2.

/// What stands in front of every command.
const OPTIONS: &str = "\
  --backend, -b NAME                         sops, vals or noop             [HELM_SECRETS_BACKEND]
  --backend-args, -a WORDS                   more words for the backend     [HELM_SECRETS_BACKEND_ARGS]
  --quiet, -q                                tell only what went wrong      [HELM_SECRETS_QUIET]
  --ignore-missing-values [true|false]       missing files are empty        [HELM_SECRETS_IGNORE_MISSING_VALUES]
  --evaluate-templates [true|false]          evaluate rendered manifests    [HELM_SECRETS_EVALUATE_TEMPLATES]
  --evaluate-templates-decode-secrets [true|false]
                                             the same, inside of Secrets    [HELM_SECRETS_EVALUATE_TEMPLATES_DECODE_SECRETS]
  --decrypt-secrets-in-tmp-dir [true|false]  copies in a folder of their own [HELM_SECRETS_DECRYPT_SECRETS_IN_TMP_DIR]
  --help, -h                                 this text
  --version, -v                              the version
";

/// The whole.
pub fn of_all() -> String {
    format!(
        "Encrypted values for Helm, by keywright.\n\nUsage:\n  helm secrets [ OPTIONS ] COMMAND\n\nAvailable Commands:\n  \
         encrypt   Encrypt secrets\n  decrypt   Decrypt secrets\n  edit      Edit encrypted secrets\n  dir       Show the \
         plugin's folder\n  <cmd>     Any command of helm, with its values decrypted\n\nAvailable Options:\n{OPTIONS}\n\
         keywright helm-secrets plugin --helm 3|4 --output DIR writes the plugins for Helm.\n"
    )
}

/// A verb of ours.
pub fn of_verb(verb: &str) -> String {
    match verb {
        "encrypt" => "Encrypt secrets\n\nUsage:\n  helm secrets encrypt [-i] <path to file>\n\n  -i  write the result into the \
                      file\n"
            .to_owned(),
        "edit" => "Edit encrypted secrets\n\nUsage:\n  helm secrets edit <path to file>\n".to_owned(),
        _ => "Decrypt secrets\n\nUsage:\n  helm secrets decrypt [-i] [--terraform] <path to file>\n\n  -i           write the \
              result into the file\n  --terraform  print JSON for Terraform's external data\n"
            .to_owned(),
    }
}

/// A command of Helm.
pub fn of_helm(command: &str) -> String {
    format!(
        "helm secrets [ OPTIONS ] {command}\n\nRuns `helm {command}` with values files and literals decrypted; copies are \
         removed when it ends.\n\nExample:\n  helm secrets {command} <HELM {} PARAMETERS> -f values.yaml -f \
         secrets.yaml\n\nAvailable Options:\n{OPTIONS}",
        command.to_uppercase()
    )
}
