//! Reports as the peer printed them.

use super::*;

const AGE: &str = "age13608ayeftzee3thl04lu3z7q04vxh2vppejfc3sujf9mma4z3fwqdf5r0t";

fn attempt(key: &str, text: &str) -> Attempt {
    Attempt { key: key.to_owned(), faults: vec![Fault::denied(text)] }
}

#[test]
fn one_group() {
    let text = "failed to load age identities. Did not find keys in locations 'SOPS_AGE_SSH_PRIVATE_KEY_FILE', \
                'SOPS_AGE_SSH_PRIVATE_KEY_CMD', '/tmp/sopsx/home/.ssh/id_ed25519', '/tmp/sopsx/home/.ssh/id_rsa', \
                'SOPS_AGE_KEY', 'SOPS_AGE_KEY_FILE', 'SOPS_AGE_KEY_CMD', and '/tmp/sopsx/home/.config/sops/age/keys.txt'.";
    let recovery = Recovery {
        groups: vec![GroupAttempts { is_open: false, failed: vec![attempt(AGE, text)] }],
        threshold: None,
        broken: None,
    };
    assert_eq!(
        recovery.report(),
        "Failed to get the data key required to decrypt the SOPS file.

Group 0: FAILED
  age13608ayeftzee3thl04lu3z7q04vxh2vppejfc3sujf9mma4z3fwqdf5r0t: FAILED
    - | failed to load age identities. Did not find keys in
      | locations 'SOPS_AGE_SSH_PRIVATE_KEY_FILE',
      | 'SOPS_AGE_SSH_PRIVATE_KEY_CMD',
      | '/tmp/sopsx/home/.ssh/id_ed25519',
      | '/tmp/sopsx/home/.ssh/id_rsa', 'SOPS_AGE_KEY',
      | 'SOPS_AGE_KEY_FILE', 'SOPS_AGE_KEY_CMD', and
      | '/tmp/sopsx/home/.config/sops/age/keys.txt'.

Recovery failed because no master key was able to decrypt the file. In
order for SOPS to recover the file, at least one key has to be successful,
but none were."
    );
}

#[test]
fn several_groups_and_keys() {
    let recovery = Recovery {
        groups: vec![
            GroupAttempts {
                is_open: true,
                failed: vec![attempt("skipped", "a key that failed before another fitted")],
            },
            GroupAttempts { is_open: false, failed: vec![attempt("one", "no"), attempt("two", "no")] },
        ],
        threshold: Some(2),
        broken: None,
    };
    assert_eq!(
        recovery.report(),
        "Failed to get the data key required to decrypt the SOPS file.

Group 0: SUCCESS

Group 1: FAILED
  one: FAILED
    - | no

  two: FAILED
    - | no

Recovery failed because the file was encrypted with a Shamir threshold of
2, but only 1 part(s) were successfully recovered, one for each successful
key group. In order for SOPS to recover the file, at least 2 groups have to
be successful. In order for a group to be successful, decryption has to
succeed with any of the keys in that key group."
    );
}
