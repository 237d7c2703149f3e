//! What a request asks of those REST services whose every operation is known here: Lambda and EKS.
//!
//! Must not go here: S3, whose operations depend on more than method and path (`s3`).

use super::Line;

/// Method, path with `*` for any one segment, operation.
type Route = (&'static str, &'static str, &'static str);

/// Without the date of the API before each path.
const LAMBDA: [Route; 91] = [
    ("GET", "/account-settings", "GetAccountSettings"),
    ("GET", "/capacity-providers", "ListCapacityProviders"),
    ("POST", "/capacity-providers", "CreateCapacityProvider"),
    ("DELETE", "/capacity-providers/*", "DeleteCapacityProvider"),
    ("GET", "/capacity-providers/*", "GetCapacityProvider"),
    ("PUT", "/capacity-providers/*", "UpdateCapacityProvider"),
    ("GET", "/capacity-providers/*/function-versions", "ListFunctionVersionsByCapacityProvider"),
    ("GET", "/code-signing-configs", "ListCodeSigningConfigs"),
    ("POST", "/code-signing-configs", "CreateCodeSigningConfig"),
    ("DELETE", "/code-signing-configs/*", "DeleteCodeSigningConfig"),
    ("GET", "/code-signing-configs/*", "GetCodeSigningConfig"),
    ("PUT", "/code-signing-configs/*", "UpdateCodeSigningConfig"),
    ("GET", "/code-signing-configs/*/functions", "ListFunctionsByCodeSigningConfig"),
    ("POST", "/durable-execution-callbacks/*/fail", "SendDurableExecutionCallbackFailure"),
    ("POST", "/durable-execution-callbacks/*/heartbeat", "SendDurableExecutionCallbackHeartbeat"),
    ("POST", "/durable-execution-callbacks/*/succeed", "SendDurableExecutionCallbackSuccess"),
    ("DELETE", "/durable-executions/*", "DeleteDurableExecution"),
    ("GET", "/durable-executions/*", "GetDurableExecution"),
    ("POST", "/durable-executions/*/checkpoint", "CheckpointDurableExecution"),
    ("GET", "/durable-executions/*/history", "GetDurableExecutionHistory"),
    ("POST", "/durable-executions/*/pause", "PauseDurableExecution"),
    ("POST", "/durable-executions/*/resume", "ResumeDurableExecution"),
    ("GET", "/durable-executions/*/state", "GetDurableExecutionState"),
    ("POST", "/durable-executions/*/stop", "StopDurableExecution"),
    ("GET", "/event-source-mappings", "ListEventSourceMappings"),
    ("POST", "/event-source-mappings", "CreateEventSourceMapping"),
    ("DELETE", "/event-source-mappings/*", "DeleteEventSourceMapping"),
    ("GET", "/event-source-mappings/*", "GetEventSourceMapping"),
    ("PUT", "/event-source-mappings/*", "UpdateEventSourceMapping"),
    ("GET", "/functions", "ListFunctions"),
    ("POST", "/functions", "CreateFunction"),
    ("DELETE", "/functions/*", "DeleteFunction"),
    ("GET", "/functions/*", "GetFunction"),
    ("GET", "/functions/*/aliases", "ListAliases"),
    ("POST", "/functions/*/aliases", "CreateAlias"),
    ("DELETE", "/functions/*/aliases/*", "DeleteAlias"),
    ("GET", "/functions/*/aliases/*", "GetAlias"),
    ("PUT", "/functions/*/aliases/*", "UpdateAlias"),
    ("PUT", "/functions/*/code", "UpdateFunctionCode"),
    ("DELETE", "/functions/*/code-signing-config", "DeleteFunctionCodeSigningConfig"),
    ("GET", "/functions/*/code-signing-config", "GetFunctionCodeSigningConfig"),
    ("PUT", "/functions/*/code-signing-config", "PutFunctionCodeSigningConfig"),
    ("DELETE", "/functions/*/concurrency", "DeleteFunctionConcurrency"),
    ("GET", "/functions/*/concurrency", "GetFunctionConcurrency"),
    ("PUT", "/functions/*/concurrency", "PutFunctionConcurrency"),
    ("GET", "/functions/*/configuration", "GetFunctionConfiguration"),
    ("PUT", "/functions/*/configuration", "UpdateFunctionConfiguration"),
    ("GET", "/functions/*/durable-executions", "ListDurableExecutionsByFunction"),
    ("DELETE", "/functions/*/event-invoke-config", "DeleteFunctionEventInvokeConfig"),
    ("GET", "/functions/*/event-invoke-config", "GetFunctionEventInvokeConfig"),
    ("POST", "/functions/*/event-invoke-config", "UpdateFunctionEventInvokeConfig"),
    ("PUT", "/functions/*/event-invoke-config", "PutFunctionEventInvokeConfig"),
    ("GET", "/functions/*/event-invoke-config/list", "ListFunctionEventInvokeConfigs"),
    ("GET", "/functions/*/function-scaling-config", "GetFunctionScalingConfig"),
    ("PUT", "/functions/*/function-scaling-config", "PutFunctionScalingConfig"),
    ("POST", "/functions/*/invocations", "Invoke"),
    ("POST", "/functions/*/invoke-async", "InvokeAsync"),
    ("GET", "/functions/*/policy", "GetPolicy"),
    ("POST", "/functions/*/policy", "AddPermission"),
    ("DELETE", "/functions/*/policy/*", "RemovePermission"),
    ("DELETE", "/functions/*/provisioned-concurrency", "DeleteProvisionedConcurrencyConfig"),
    ("GET", "/functions/*/provisioned-concurrency", "GetProvisionedConcurrencyConfig"),
    ("GET", "/functions/*/provisioned-concurrency", "ListProvisionedConcurrencyConfigs"),
    ("PUT", "/functions/*/provisioned-concurrency", "PutProvisionedConcurrencyConfig"),
    ("GET", "/functions/*/recursion-config", "GetFunctionRecursionConfig"),
    ("PUT", "/functions/*/recursion-config", "PutFunctionRecursionConfig"),
    ("POST", "/functions/*/response-streaming-invocations", "InvokeWithResponseStream"),
    ("GET", "/functions/*/runtime-management-config", "GetRuntimeManagementConfig"),
    ("PUT", "/functions/*/runtime-management-config", "PutRuntimeManagementConfig"),
    ("DELETE", "/functions/*/url", "DeleteFunctionUrlConfig"),
    ("GET", "/functions/*/url", "GetFunctionUrlConfig"),
    ("POST", "/functions/*/url", "CreateFunctionUrlConfig"),
    ("PUT", "/functions/*/url", "UpdateFunctionUrlConfig"),
    ("GET", "/functions/*/urls", "ListFunctionUrlConfigs"),
    ("GET", "/functions/*/versions", "ListVersionsByFunction"),
    ("POST", "/functions/*/versions", "PublishVersion"),
    ("GET", "/layers", "GetLayerVersionByArn"),
    ("GET", "/layers", "ListLayers"),
    ("GET", "/layers/*/versions", "ListLayerVersions"),
    ("POST", "/layers/*/versions", "PublishLayerVersion"),
    ("DELETE", "/layers/*/versions/*", "DeleteLayerVersion"),
    ("GET", "/layers/*/versions/*", "GetLayerVersion"),
    ("GET", "/layers/*/versions/*/policy", "GetLayerVersionPolicy"),
    ("POST", "/layers/*/versions/*/policy", "AddLayerVersionPermission"),
    ("DELETE", "/layers/*/versions/*/policy/*", "RemoveLayerVersionPermission"),
    ("DELETE", "/resource-policy/*", "DeleteResourcePolicy"),
    ("GET", "/resource-policy/*", "GetResourcePolicy"),
    ("PUT", "/resource-policy/*", "PutResourcePolicy"),
    ("DELETE", "/tags/*", "UntagResource"),
    ("GET", "/tags/*", "ListTags"),
    ("POST", "/tags/*", "TagResource"),
];

const EKS: [Route; 70] = [
    ("GET", "/access-policies", "ListAccessPolicies"),
    ("GET", "/addons/configuration-schemas", "DescribeAddonConfiguration"),
    ("GET", "/addons/supported-versions", "DescribeAddonVersions"),
    ("POST", "/cluster-registrations", "RegisterCluster"),
    ("DELETE", "/cluster-registrations/*", "DeregisterCluster"),
    ("GET", "/cluster-versions", "DescribeClusterVersions"),
    ("GET", "/clusters", "ListClusters"),
    ("POST", "/clusters", "CreateCluster"),
    ("DELETE", "/clusters/*", "DeleteCluster"),
    ("GET", "/clusters/*", "DescribeCluster"),
    ("GET", "/clusters/*/access-entries", "ListAccessEntries"),
    ("POST", "/clusters/*/access-entries", "CreateAccessEntry"),
    ("DELETE", "/clusters/*/access-entries/*", "DeleteAccessEntry"),
    ("GET", "/clusters/*/access-entries/*", "DescribeAccessEntry"),
    ("POST", "/clusters/*/access-entries/*", "UpdateAccessEntry"),
    ("GET", "/clusters/*/access-entries/*/access-policies", "ListAssociatedAccessPolicies"),
    ("POST", "/clusters/*/access-entries/*/access-policies", "AssociateAccessPolicy"),
    ("DELETE", "/clusters/*/access-entries/*/access-policies/*", "DisassociateAccessPolicy"),
    ("GET", "/clusters/*/addons", "ListAddons"),
    ("POST", "/clusters/*/addons", "CreateAddon"),
    ("DELETE", "/clusters/*/addons/*", "DeleteAddon"),
    ("GET", "/clusters/*/addons/*", "DescribeAddon"),
    ("POST", "/clusters/*/addons/*/update", "UpdateAddon"),
    ("GET", "/clusters/*/capabilities", "ListCapabilities"),
    ("POST", "/clusters/*/capabilities", "CreateCapability"),
    ("DELETE", "/clusters/*/capabilities/*", "DeleteCapability"),
    ("GET", "/clusters/*/capabilities/*", "DescribeCapability"),
    ("POST", "/clusters/*/capabilities/*", "UpdateCapability"),
    ("GET", "/clusters/*/certificate-authorities", "ListCertificateAuthorities"),
    ("POST", "/clusters/*/certificate-authorities", "CreateCertificateAuthority"),
    ("DELETE", "/clusters/*/certificate-authorities/*", "DeleteCertificateAuthority"),
    ("GET", "/clusters/*/certificate-authorities/*", "DescribeCertificateAuthority"),
    ("POST", "/clusters/*/certificate-authorities/*/activate", "ActivateCertificateAuthority"),
    ("POST", "/clusters/*/encryption-config/associate", "AssociateEncryptionConfig"),
    ("GET", "/clusters/*/fargate-profiles", "ListFargateProfiles"),
    ("POST", "/clusters/*/fargate-profiles", "CreateFargateProfile"),
    ("DELETE", "/clusters/*/fargate-profiles/*", "DeleteFargateProfile"),
    ("GET", "/clusters/*/fargate-profiles/*", "DescribeFargateProfile"),
    ("GET", "/clusters/*/identity-provider-configs", "ListIdentityProviderConfigs"),
    ("POST", "/clusters/*/identity-provider-configs/associate", "AssociateIdentityProviderConfig"),
    ("POST", "/clusters/*/identity-provider-configs/describe", "DescribeIdentityProviderConfig"),
    ("POST", "/clusters/*/identity-provider-configs/disassociate", "DisassociateIdentityProviderConfig"),
    ("POST", "/clusters/*/insights", "ListInsights"),
    ("GET", "/clusters/*/insights-refresh", "DescribeInsightsRefresh"),
    ("POST", "/clusters/*/insights-refresh", "StartInsightsRefresh"),
    ("GET", "/clusters/*/insights/*", "DescribeInsight"),
    ("GET", "/clusters/*/node-groups", "ListNodegroups"),
    ("POST", "/clusters/*/node-groups", "CreateNodegroup"),
    ("DELETE", "/clusters/*/node-groups/*", "DeleteNodegroup"),
    ("GET", "/clusters/*/node-groups/*", "DescribeNodegroup"),
    ("POST", "/clusters/*/node-groups/*/update-config", "UpdateNodegroupConfig"),
    ("POST", "/clusters/*/node-groups/*/update-version", "UpdateNodegroupVersion"),
    ("GET", "/clusters/*/pod-identity-associations", "ListPodIdentityAssociations"),
    ("POST", "/clusters/*/pod-identity-associations", "CreatePodIdentityAssociation"),
    ("DELETE", "/clusters/*/pod-identity-associations/*", "DeletePodIdentityAssociation"),
    ("GET", "/clusters/*/pod-identity-associations/*", "DescribePodIdentityAssociation"),
    ("POST", "/clusters/*/pod-identity-associations/*", "UpdatePodIdentityAssociation"),
    ("POST", "/clusters/*/update-config", "UpdateClusterConfig"),
    ("GET", "/clusters/*/updates", "ListUpdates"),
    ("POST", "/clusters/*/updates", "UpdateClusterVersion"),
    ("GET", "/clusters/*/updates/*", "DescribeUpdate"),
    ("POST", "/clusters/*/updates/*/cancel-update", "CancelUpdate"),
    ("GET", "/eks-anywhere-subscriptions", "ListEksAnywhereSubscriptions"),
    ("POST", "/eks-anywhere-subscriptions", "CreateEksAnywhereSubscription"),
    ("DELETE", "/eks-anywhere-subscriptions/*", "DeleteEksAnywhereSubscription"),
    ("GET", "/eks-anywhere-subscriptions/*", "DescribeEksAnywhereSubscription"),
    ("POST", "/eks-anywhere-subscriptions/*", "UpdateEksAnywhereSubscription"),
    ("DELETE", "/tags/*", "UntagResource"),
    ("GET", "/tags/*", "ListTagsForResource"),
    ("POST", "/tags/*", "TagResource"),
];

/// The operation; `None` where no route fits.
pub fn action(service: &str, line: &Line<'_>) -> Option<String> {
    let (routes, path) = match service {
        "lambda" => (LAMBDA.as_slice(), undated(line.path)?),
        _ => (EKS.as_slice(), line.path),
    };
    // A route with fewer stars says more: `.../event-invoke-config/list` is no `.../event-invoke-config/*`.
    let fitting = routes.iter().filter(|(method, pattern, _)| *method == line.method && fits(pattern, path));
    fitting.min_by_key(|(_, pattern, _)| pattern.matches('*').count()).map(|(.., action)| (*action).to_owned())
}

/// `/2015-03-31/functions` → `/functions`
fn undated(path: &str) -> Option<&str> {
    let (date, _) = path.strip_prefix('/')?.split_once('/')?;
    let dated = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    path.get(1 + date.len()..).filter(|_| dated)
}

fn fits(pattern: &str, path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(literal), Some(segment)) if literal == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use crate::testing::test;

    #[test]
    fn operations_by_method_and_path() {
        for (service, method, path, expected) in [
            ("lambda", "POST", "/2015-03-31/functions/f/invocations", "invoke"),
            ("lambda", "GET", "/2015-03-31/functions/", "listfunctions"),
            ("lambda", "DELETE", "/2015-03-31/functions/arn:aws:lambda:eu-west-1:1:function:f", "deletefunction"),
            ("lambda", "POST", "/2015-03-31/functions/f/policy", "addpermission"),
            ("lambda", "PUT", "/2015-03-31/functions/f/code", "updatefunctioncode"),
            ("lambda", "GET", "/functions", "?"),
            ("lambda", "POST", "/2015-03-31/functions/f/unheard-of", "?"),
            ("eks", "DELETE", "/clusters/c", "deletecluster"),
            ("eks", "POST", "/clusters/c/access-entries/arn/access-policies", "associateaccesspolicy"),
            ("eks", "POST", "/clusters/c/encryption-config/associate", "associateencryptionconfig"),
        ] {
            let host = format!("{service}.eu-west-1.amazonaws.com");
            assert_eq!(read(&host, method, path, &[]), [format!("{service}:{expected}")], "{path}");
        }
    }
}
