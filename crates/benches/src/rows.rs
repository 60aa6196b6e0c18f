//! The table of rows. A row sets its objects up, lets the binary work, and tells figures; its goals and the peers' figures are those
//! of issue 9. Rows on files come first, since they count memory of single runs.

mod external_secrets;
mod files;
mod reload;
mod sealed_secrets;
mod start;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::figure::Report;
use crate::lab::Lab;

type OnFiles = fn(&mut Report) -> Result<(), String>;
type OnACluster = for<'a> fn(&'a Lab, &'a mut Report) -> LocalBoxFuture<'a, Result<(), String>>;

/// Rows that need files alone, by the name that picks them.
pub const ON_FILES: &[(&str, OnFiles)] = &[("decrypt", files::decrypt), ("getter", files::getter)];

/// Rows that need a cluster.
pub const ON_A_CLUSTER: &[(&str, OnACluster)] = &[
    ("start", |lab, report| start::measure(lab, report).boxed_local()),
    ("external-secrets", |lab, report| external_secrets::measure(lab, report).boxed_local()),
    ("sealed-secrets", |lab, report| sealed_secrets::many(lab, report).boxed_local()),
    ("sealing-keys", |lab, report| sealed_secrets::old_keys(lab, report).boxed_local()),
    ("reload", |lab, report| reload::measure(lab, report).boxed_local()),
];
